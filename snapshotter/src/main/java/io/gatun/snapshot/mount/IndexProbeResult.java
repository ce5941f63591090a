package io.gatun.snapshot.mount;

/** Whether indexed layers work on a root. */
public sealed interface IndexProbeResult {

  /** {@return the reason, for the operator} */
  String reason();

  /**
   * @param access how the kernel reads their files
   */
  record Works(IndexAccess access, String reason) implements IndexProbeResult {}

  /**
   * They work, but their files cannot be protected as configured.
   *
   * @param access how the kernel reads existing unprotected ones
   */
  record Unprotected(IndexAccess access, String reason) implements IndexProbeResult {}

  record Fails(String reason) implements IndexProbeResult {}

  /** There is no space to test them. */
  record NoRoom(String reason) implements IndexProbeResult {}
}
