package io.gatun.snapshot.durability;

import io.gatun.snapshot.SnapshotException;

/** Which ids of snapshots were given out after the last sync that failed, as it is recorded. */
public interface TrustedIds {

  /** {@return the id from which on no snapshot was there when a sync failed} */
  long trustedFrom();

  /** {@return an id that all have below it that were given out by now} */
  long firstUnused();

  /**
   * Records durably that a sync failed when snapshots with these ids were there.
   *
   * @param end the id that follows the last of them
   * @throws SnapshotException if that cannot be recorded
   */
  void distrustBelow(long end);
}
