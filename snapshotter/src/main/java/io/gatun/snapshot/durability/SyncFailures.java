package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotException;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which snapshots may have lost what was written to them, because the disk failed to sync.
 *
 * <p>The kernel reports such a failure once to each open file and then forgets the pages that it
 * could not write: the next syncfs(2) succeeds without them, and what is read still comes from
 * memory. It does not say whose pages they were. So every snapshot that was there when a sync
 * failed, and is not committed by then, is never committed. As ids only grow, one id says which
 * those are; it is recorded durably, since the next daemon would hear nothing of the failure at
 * all. Committed snapshots had been synced before, and are not concerned.
 */
public final class SyncFailures implements SyncWatch {

  private static final Logger log = LoggerFactory.getLogger(SyncFailures.class);

  private final TrustedIds ids;

  /** At least what is recorded, and more as long as that cannot be recorded. */
  private final AtomicLong trustedFrom;

  private final AtomicLong failures = new AtomicLong();

  public SyncFailures(TrustedIds ids) {
    this.ids = ids;
    this.trustedFrom = new AtomicLong(ids.trustedFrom());
  }

  /** {@return a sync that does the same, and takes note of it if it fails} */
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
          "the sync failure could not be recorded; no snapshot is committed before it is error=\"{}\"",
          e.getMessage());
    }
  }

  private void record() {
    long end = trustedFrom.get();
    if (ids.trustedFrom() < end) {
      ids.distrustBelow(end);
    }
  }

  /** {@return whether a snapshot that is not committed may have lost something} */
  public boolean concern(long id) {
    return id < trustedFrom.get();
  }

  /**
   * Sees to it that a snapshot may be committed, if it was made durable just now.
   *
   * @param operation what is refused otherwise
   * @throws SnapshotException.FailedPrecondition if it may have lost something
   */
  void requireNone(String operation, String key, long id) {
    StorageErrors.change(operation, key, this::record);
    if (concern(id)) {
      throw new SnapshotException.FailedPrecondition(
          ("%s %s: the disk failed to sync after the snapshot (id %d) was made, so that what was written"
                  + " to it may be lost: remove it, and unpack the layer again")
              .formatted(operation, key, id));
    }
  }
}
