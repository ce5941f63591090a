package io.gatun.snapshot.metadata;

import io.gatun.snapshot.SnapshotRecord;

/**
 * One change of the store, always a whole state, so that doing it twice is the same as doing it
 * once.
 *
 * <p>The set is closed, as the journal has one kind of entry for each.
 */
public sealed interface Change {

  /**
   * Adds a record, or replaces the one with the same id; that is how a commit gives a record its
   * name.
   */
  record Put(SnapshotRecord record) implements Change {}

  /** Forgets a record. */
  record Remove(long id) implements Change {}

  /**
   * Says that the disk failed to sync: what was written to snapshots with ids below this one, and
   * not yet made durable then, may be lost.
   */
  record SyncFailed(long idLimit) implements Change {}
}
