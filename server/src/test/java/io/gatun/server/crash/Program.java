package io.gatun.server.crash;

/** Which daemon is started. */
enum Program {
  /** What is shipped, by its launcher. */
  DISTRIBUTION,
  /** The same with the smallest journals there can be, so that a checkpoint is always near. */
  SMALL_JOURNALS,
  /** The same, and fdatasync(2), which the journal is synced with, does nothing. */
  UNSYNCED_JOURNAL,
  /** The same, and fsync(2) of {@code snapshots/} does nothing. */
  UNSYNCED_DIRECTORIES
}
