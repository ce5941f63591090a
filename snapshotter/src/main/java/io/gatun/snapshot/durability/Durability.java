package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Syncs the files of a layer before the layer is acknowledged. */
public final class Durability implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Durability.class);

  private final SyncPolicy when;
  private final SyncFailures syncFailures;
  private final GroupSync filesystem;
  private final Optional<WritebackErrors> writebackErrors;
  private final LayerBarrier barrier;

  /**
   * Starts to watch the filesystem of a root for lost writes.
   *
   * @param ids remembers which snapshots a failed sync affects
   */
  public static Durability open(Root root, TrustedIds ids, SyncPolicy when) {
    return new Durability(root, ids, when);
  }

  private Durability(Root root, TrustedIds ids, SyncPolicy when) {
    Disk disk = root.disk();
    this.when = when;
    this.syncFailures = new SyncFailures(ids);
    this.filesystem =
        new GroupSync(syncFailures.watching(() -> disk.syncFilesystem(root.directory())));
    this.writebackErrors = watchWriteback(root);
    this.barrier = new LayerBarrier(filesystem, new TreeSync(disk), writebackErrors, syncFailures);
  }

  /** {@return what tells of lost writes, where there can be such a thing} */
  private static Optional<WritebackErrors> watchWriteback(Root root) {
    try {
      return Optional.of(WritebackErrors.watch(root.disk(), root.trash()));
    } catch (ErrnoException e) {
      log.info(
          "layer_barrier=syncfs error=\"small layers cannot be synced by themselves: {}\"",
          e.getMessage());
      return Optional.empty();
    }
  }

  /** {@return when files have to be on the disk} */
  public SyncPolicy policy() {
    return when;
  }

  /** {@return whether anything is synced at all} */
  public boolean isWanted() {
    return when != SyncPolicy.NONE;
  }

  /** {@return the syncs that failed} */
  public SyncFailures syncFailures() {
    return syncFailures;
  }

  /** {@return the sync of all that was written to the root} */
  public GroupSync filesystem() {
    return filesystem;
  }

  /** Returns when all that was written to the root before is durable. */
  public void awaitAll() throws ErrnoException {
    filesystem.await(filesystem.mark());
  }

  /**
   * {@return whether a layer that is synced now is what was written} The kernel tells the caller of
   * a sync of a failure, but not if it has forgotten the file since. Without syncs, only the errors
   * of its writeback tell.
   */
  public boolean isWritebackTrusted() {
    if (isWanted()) {
      return true;
    }
    if (writebackErrors.isEmpty()) {
      return false;
    }
    try {
      writebackErrors.get().requireNone();
      return true;
    } catch (ErrnoException e) {
      log.warn("what was written may be lost, and is read: {}", e.getMessage());
      return false;
    }
  }

  /**
   * Returns when the files of a snapshot are durable, for commits that {@link #isAskedOfCommit
   * must} wait.
   *
   * @throws SnapshotException.FailedPrecondition if an earlier failed sync may have lost them
   */
  public void awaitCommit(String key, long id, LinuxPath files) {
    sync("commit", key, id, files, barrier.mark());
    // Checked last: a sync that failed just before, for another snapshot, may have lost these
    // files.
    syncFailures.requireNone("commit", key, id);
  }

  /**
   * Returns a mark for a layer that is about to be written into a snapshot.
   *
   * @param isWanted whether the caller requests durability regardless of the configuration
   * @return the mark for {@link #awaitApply}
   * @throws SnapshotException.FailedPrecondition if the snapshot could never be committed
   */
  public long beginApply(String key, long id, boolean isWanted) {
    long mark = barrier.mark();
    requireCommittable(key, id, isWanted);
    return mark;
  }

  /**
   * Returns when the files of an unpacked layer are as durable as configured.
   *
   * @param mark from {@link #beginApply}, before the first write
   * @param isWanted as passed to {@link #beginApply}
   * @throws SnapshotException.FailedPrecondition if an earlier failed sync may have lost them
   */
  public void awaitApply(String key, long id, LinuxPath files, long mark, boolean isWanted) {
    if (mustSyncOnApply(isWanted)) {
      sync("apply", key, id, files, mark);
      syncFailures.requireNone("apply", key, id);
    }
  }

  /**
   * Checks that a snapshot can be committed whose layer was already on disk.
   *
   * @param isWanted as passed to {@link #beginApply}
   * @throws SnapshotException.FailedPrecondition if it cannot
   */
  public void requireCommittable(String key, long id, boolean isWanted) {
    if (mustSyncOnApply(isWanted)) {
      syncFailures.requireNone("apply", key, id);
    }
  }

  /** {@return a mark for {@link #awaitFiles}, to be taken before writing} */
  public long mark() {
    return barrier.mark();
  }

  /**
   * Returns when files that will become those of a snapshot are on disk. Syncs that failed before
   * the mark do not affect them.
   *
   * @param files their directory
   * @param mark from {@link #mark}, before the first write
   * @throws SnapshotException.StorageFailure if the files may be lost
   */
  public void awaitFiles(String operation, String key, long id, LinuxPath files, long mark) {
    sync(operation, key, id, files, mark);
  }

  /**
   * Checks that a snapshot may be committed after {@link #awaitApply} found its files durable.
   *
   * @throws SnapshotException.FailedPrecondition if they may have been lost since
   */
  public void requireTrusted(String key, long id) {
    syncFailures.requireNone("commit", key, id);
  }

  /**
   * Syncs directories that changed after their layer was synced. Syncs each alone: containerd holds
   * its metadata lock during this call, and syncfs(2) would also wait for layers being unpacked.
   *
   * @param each syncs them
   */
  public void syncEach(GroupSync.Sync each) throws ErrnoException {
    syncFailures.watching(each).run();
  }

  /** {@return whether an apply must sync its writes} */
  public boolean mustSyncOnApply(boolean isWanted) {
    return isWanted || isAskedOfCommit();
  }

  /** {@return whether an apply must sync an indexed layer} */
  public boolean mustSyncIndexed(boolean isWanted) {
    return isWanted || when == SyncPolicy.COMMIT;
  }

  /** {@return whether a commit must wait for the files of the snapshot} */
  public boolean isAskedOfCommit() {
    return switch (when) {
      case COMMIT, BACKGROUND -> true;
      case NONE -> false;
    };
  }

  private void sync(String operation, String key, long id, LinuxPath files, long mark) {
    try {
      barrier.await(files, mark);
    } catch (ErrnoException e) {
      // Always a storage failure, even for ENOSPC: a retry cannot recover the unwritten data.
      throw new SnapshotException.StorageFailure(
          "%s %s: data of the snapshot (id %d) may be lost: %s"
              .formatted(operation, key, id, e.getMessage()),
          e);
    }
  }

  @Override
  public void close() {
    writebackErrors.ifPresent(WritebackErrors::close);
  }
}
