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
  UNSYNCED_DIRECTORIES,
  /**
   * The same, and fsync(2) of the files of a layer, which small ones are synced with, does nothing.
   * Nor does sync_file_range(2): ext4 has what that begins on disk before the next commit of its
   * own journal, and the sync of ours brings that about.
   */
  UNSYNCED_SMALL_LAYERS
}
