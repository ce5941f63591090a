package io.gatun.snapshot.mount;

/** Whether layers can be used on a root as tars under indexes. */
public sealed interface IndexProbeResult {

  /** {@return in words for an operator, why it is so} */
  String reason();

  /**
   * They can.
   *
   * @param access how the kernel gets at their files
   */
  record Works(IndexAccess access, String reason) implements IndexProbeResult {}

  /**
   * They can, but their files cannot be protected as they are to be.
   *
   * @param access how the kernel gets at those that are there without
   */
  record Unprotected(IndexAccess access, String reason) implements IndexProbeResult {}

  /** They cannot. */
  record Fails(String reason) implements IndexProbeResult {}

  /** The filesystem is so full that nobody can find out. */
  record NoRoom(String reason) implements IndexProbeResult {}
}
