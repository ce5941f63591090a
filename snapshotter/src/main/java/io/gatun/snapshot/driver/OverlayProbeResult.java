package io.gatun.snapshot.driver;

/** Whether overlayfs works on a root. */
public sealed interface OverlayProbeResult {

  /**
   * @param features the options it needs
   */
  record Works(OverlayFeatures features) implements OverlayProbeResult {}

  /**
   * @param reason for the operator
   */
  record Fails(String reason) implements OverlayProbeResult {}

  /**
   * There is no space to test it.
   *
   * @param features the options it would need
   * @param reason the error that showed the lack of space
   */
  record NoRoom(OverlayFeatures features, String reason) implements OverlayProbeResult {}
}
