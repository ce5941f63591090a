package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sees to it that the files of a layer are on disk before anybody is told that they are there. */
public final class Durability implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Durability.class);

  private final SyncPolicy when;
  private final SyncFailures syncFailures;
  private final GroupSync filesystem;
  private final Optional<WritebackErrors> writebackErrors;
  private final LayerBarrier barrier;

  /**
   * Begins to watch the filesystem of a root.
   *
   * @param ids remembers which snapshots a failed sync concerns
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
   * Returns when the files of a snapshot are durable whose commit is {@link #isAskedOfCommit asked}
   * to wait for them.
   *
   * @throws SnapshotException.FailedPrecondition if that can never be said of them
   */
  public void awaitCommit(String key, long id, LinuxPath files) {
    sync("commit", key, id, files, barrier.mark());
    // Only now: a sync that failed just before, for another snapshot, took these files with it.
    syncFailures.requireNone("commit", key, id);
  }

  /**
   * Begins to watch the disk for somebody who writes a layer into a snapshot.
   *
   * @param isWanted whether it has to be durable, whatever the configuration asks
   * @return what to give to {@link #awaitApply}
   * @throws SnapshotException.FailedPrecondition if the snapshot could never be committed
   */
  public long beginApply(String key, long id, boolean isWanted) {
    long mark = barrier.mark();
    requireCommittable(key, id, isWanted);
    return mark;
  }

  /**
   * Returns when the files of a layer that was unpacked into a snapshot are as durable as the
   * configuration asks.
   *
   * @param mark from {@link #beginApply}, before the first was written
   * @param isWanted as it was given there
   * @throws SnapshotException.FailedPrecondition if that can never be said of them
   */
  public void awaitApply(String key, long id, LinuxPath files, long mark, boolean isWanted) {
    if (mustSyncOnApply(isWanted)) {
      sync("apply", key, id, files, mark);
      syncFailures.requireNone("apply", key, id);
    }
  }

  /**
   * Sees to it that a snapshot can be committed whose layer was on the disk before it was there.
   *
   * @param isWanted as it was given to {@link #beginApply}
   * @throws SnapshotException.FailedPrecondition if it cannot
   */
  public void requireCommittable(String key, long id, boolean isWanted) {
    if (mustSyncOnApply(isWanted)) {
      syncFailures.requireNone("apply", key, id);
    }
  }

  /** {@return what to give to {@link #awaitFiles}; to be asked for before writing} */
  public long mark() {
    return barrier.mark();
  }

  /**
   * Returns when files are on the disk that are to become those of a snapshot. What a sync that
   * failed before has lost of it does not matter to them.
   *
   * @param files the directory that has them
   * @param mark from {@link #mark}, before the first was written
   * @throws SnapshotException.StorageFailure if that can never be said of them
   */
  public void awaitFiles(String operation, String key, long id, LinuxPath files, long mark) {
    sync(operation, key, id, files, mark);
  }

  /**
   * Sees to it that a snapshot may be committed whose files were durable when {@link #awaitApply}
   * said so.
   *
   * @throws SnapshotException.FailedPrecondition if they may have got lost since
   */
  public void requireTrusted(String key, long id) {
    syncFailures.requireNone("commit", key, id);
  }

  /**
   * Brings directories to the disk that have been changed since their layer was: each by itself,
   * since containerd waits for this with its own metadata locked, and a sync of everything would
   * have it wait for layers that are being unpacked meanwhile.
   *
   * @param each syncs them
   */
  public void syncEach(GroupSync.Sync each) throws ErrnoException {
    syncFailures.watching(each).run();
  }

  /** {@return whether an apply is to bring what it writes to the disk} */
  public boolean mustSyncOnApply(boolean isWanted) {
    return isWanted || isAskedOfCommit();
  }

  /** {@return whether an apply is to bring a layer to the disk that it keeps as a tar} */
  public boolean mustSyncIndexed(boolean isWanted) {
    return isWanted || when == SyncPolicy.COMMIT;
  }

  /** {@return whether a commit is to wait until the files of the snapshot are on the disk} */
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
      // No room, for example, is no reason to try again here: what was not written is gone.
      throw new SnapshotException.StorageFailure(
          "%s %s: what was written to the snapshot (id %d) may be lost: %s"
              .formatted(operation, key, id, e.getMessage()),
          e);
    }
  }

  @Override
  public void close() {
    writebackErrors.ifPresent(WritebackErrors::close);
  }
}
