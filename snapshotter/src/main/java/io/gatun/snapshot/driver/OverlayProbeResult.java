package io.gatun.snapshot.driver;

/** Whether the kernel's overlay filesystem works on a root. */
public sealed interface OverlayProbeResult {

  /**
   * It does.
   *
   * @param features what it needs to be told
   */
  record Works(OverlayFeatures features) implements OverlayProbeResult {}

  /**
   * It does not.
   *
   * @param reason why, in words for an operator
   */
  record Fails(String reason) implements OverlayProbeResult {}

  /**
   * The filesystem is so full that nobody can find out.
   *
   * @param features what it needs to be told if it does
   * @param reason what there was no room for
   */
  record NoRoom(OverlayFeatures features, String reason) implements OverlayProbeResult {}
}
