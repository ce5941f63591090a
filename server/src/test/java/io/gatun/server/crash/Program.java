package io.gatun.server.crash;

/** The program that is started. */
enum Program {
  /** The distribution, by its launcher. */
  DISTRIBUTION,
  /** The same with the smallest possible journals, so that a checkpoint is always near. */
  SMALL_JOURNALS,
  /** The same, but fdatasync(2), which syncs the journal, does nothing. */
  UNSYNCED_JOURNAL,
  /** The same, but fsync(2) of {@code snapshots/} does nothing. */
  UNSYNCED_DIRECTORIES
}
