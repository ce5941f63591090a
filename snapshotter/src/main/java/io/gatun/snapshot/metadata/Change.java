package io.gatun.snapshot.metadata;

import io.gatun.snapshot.SnapshotRecord;

/**
 * A change of the store. Each carries a complete state, which makes it idempotent.
 *
 * <p>The set is closed: the journal has one entry type for each.
 */
public sealed interface Change {

  /** Adds a record or replaces the one with the same id. A commit renames a record this way. */
  record Put(SnapshotRecord record) implements Change {}

  /** Removes a record. */
  record Remove(long id) implements Change {}

  /** Records a failed sync: unsynced data of snapshots with ids below this one may be lost. */
  record SyncFailed(long idLimit) implements Change {}
}
