package io.gatun.server.powercut;

/** One thing that the kernel asked of a disk. Offsets and lengths are bytes. */
sealed interface DiskEvent {

  /**
   * Data was written, and acknowledged.
   *
   * @param payload where the log keeps the data
   */
  record Write(long offset, int length, long payload) implements DiskEvent {}

  /** A range was turned to zeros, by a discard or by writing zeros without sending them. */
  record Zero(long offset, long length) implements DiskEvent {}

  /** Everything before this has reached the medium. */
  record Flush() implements DiskEvent {}
}
