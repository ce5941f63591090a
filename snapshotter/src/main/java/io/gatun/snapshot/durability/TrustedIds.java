package io.gatun.snapshot.durability;

import io.gatun.snapshot.SnapshotException;

/** The recorded boundary between snapshot ids from before and after the last failed sync. */
public interface TrustedIds {

  /** {@return the first id given out after the last failed sync} */
  long trustedFrom();

  /** {@return an id above all ids given out so far} */
  long firstUnused();

  /**
   * Records durably that a sync failed while snapshots with ids below existed.
   *
   * @param end the first id not affected
   * @throws SnapshotException if that cannot be recorded
   */
  void distrustBelow(long end);
}
