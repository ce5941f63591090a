package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotException;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tracks the snapshots that may have lost data in a failed sync.
 *
 * <p>The kernel reports a failed sync once per open file and then drops the pages that it could not
 * write: the next syncfs(2) succeeds, reads still come from memory, and the owner of the pages
 * stays unknown. Therefore no snapshot that exists and is uncommitted when a sync fails is ever
 * committed. Because ids only grow, one id describes them all. It is recorded durably, because the
 * next daemon would not learn of the failure. Committed snapshots are unaffected: they had been
 * synced.
 */
public final class SyncFailures implements SyncWatch {

  private static final Logger log = LoggerFactory.getLogger(SyncFailures.class);

  private final TrustedIds ids;

  /** At least the recorded id; higher while it cannot be recorded. */
  private final AtomicLong trustedFrom;

  private final AtomicLong failures = new AtomicLong();

  public SyncFailures(TrustedIds ids) {
    this.ids = ids;
    this.trustedFrom = new AtomicLong(ids.trustedFrom());
  }

  /** {@return the sync, with its failures noted here} */
  public GroupSync.Sync watching(GroupSync.Sync sync) {
    return () -> {
      try {
        sync.run();
      } catch (ErrnoException e) {
        note(e);
        throw e;
      }
    };
  }

  @Override
  public void run(SyncWatch.Sync sync) throws ErrnoException {
    watching(sync::run).run();
  }

  @Override
  public long failures() {
    return failures.get();
  }

  private void note(ErrnoException failure) {
    failures.incrementAndGet();
    long end = ids.firstUnused();
    trustedFrom.accumulateAndGet(end, Math::max);
    log.error(
        "the disk failed to sync; data of snapshots that are not committed may be lost,"
            + " and they will not be committed ids_below={} error=\"{}\"",
        end,
        failure.getMessage());
    try {
      record();
    } catch (SnapshotException e) {
      log.error(
          "cannot record the sync failure; no snapshot is committed before that succeeds error=\"{}\"",
          e.getMessage());
    }
  }

  private void record() {
    long end = trustedFrom.get();
    if (ids.trustedFrom() < end) {
      ids.distrustBelow(end);
    }
  }

  /** {@return whether an uncommitted snapshot may have lost data} */
  public boolean concern(long id) {
    return id < trustedFrom.get();
  }

  /**
   * Checks that a snapshot that was just synced may be committed.
   *
   * @param operation the operation to refuse otherwise
   * @throws SnapshotException.FailedPrecondition if it may have lost data
   */
  void requireNone(String operation, String key, long id) {
    StorageErrors.change(operation, key, this::record);
    if (concern(id)) {
      throw new SnapshotException.FailedPrecondition(
          ("%s %s: the disk failed to sync after the snapshot (id %d) was created, and its data may be"
                  + " lost: remove it, and unpack the layer again")
              .formatted(operation, key, id));
    }
  }
}
