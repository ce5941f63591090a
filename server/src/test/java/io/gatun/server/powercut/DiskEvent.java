package io.gatun.server.powercut;

/** One request of the kernel to a disk. Offsets and lengths are bytes. */
sealed interface DiskEvent {

  /**
   * Data was written, and acknowledged.
   *
   * @param payload the position of the data in the log
   */
  record Write(long offset, int length, long payload) implements DiskEvent {}

  /** A range was zeroed, by a discard or by writing zeros without sending them. */
  record Zero(long offset, long length) implements DiskEvent {}

  /** Everything before this has reached the medium. */
  record Flush() implements DiskEvent {}
}
