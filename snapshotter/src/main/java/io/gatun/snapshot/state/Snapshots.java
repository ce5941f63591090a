package io.gatun.snapshot.state;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.concurrent.Closer;
import io.gatun.snapshot.driver.CopyFlusher;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.root.Root;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The snapshots of an open root: records, locks on names, directories, trash and unpack states. It
 * owns the threads that create directories in advance, flush copies and delete trash.
 */
public final class Snapshots implements AutoCloseable {

  /** More threads would only wait for each other, in the journal of the filesystem. */
  private static final int DELETION_THREADS_MAX = 2;

  private final Closer closer = new Closer();
  private final Root root;
  private final MetadataStore store;
  private final Driver driver;
  private final Durability durability;
  private final NameLocks nameLocks = new NameLocks();
  private final ActiveSnapshots active;
  private final Reaper reaper;
  private final SnapshotDirectories directories;
  private final DirectoryPool pool;
  private final CopyFlusher copyFlusher;
  private final Chains chains;

  /**
   * The amount of background work.
   *
   * @param directories how many directories are created in advance; 0 for none
   * @param threads how many threads work on a tree; at most two of them delete
   */
  public record Effort(int directories, int threads) {}

  /**
   * Opens the snapshots of a root. {@link #start} begins to delete trash.
   *
   * @param boot identifies the current boot of the machine
   * @param mounts of indexed layers, which are unmounted before their directories are deleted
   */
  public static Snapshots open(
      Root root,
      String boot,
      MetadataStore store,
      Driver driver,
      Durability durability,
      IndexMounts mounts,
      Effort effort)
      throws ErrnoException {
    return new Snapshots(root, boot, store, driver, durability, mounts, effort);
  }

  private Snapshots(
      Root root,
      String boot,
      MetadataStore store,
      Driver driver,
      Durability durability,
      IndexMounts mounts,
      Effort effort)
      throws ErrnoException {
    this.root = root;
    this.store = store;
    this.driver = driver;
    this.durability = durability;
    this.active = new ActiveSnapshots(root.disk(), root, boot);
    int threads = Math.min(effort.threads(), DELETION_THREADS_MAX);
    DeletionThrottle throttle =
        new DeletionThrottle(active::areUnpacking, root::isDiskLow, System::nanoTime);
    this.reaper = closer.add(new Reaper(root, store, mounts, throttle, threads));
    this.copyFlusher =
        closer.add(new CopyFlusher(driver, durability.filesystem(), durability.syncFailures()));
    this.directories = new SnapshotDirectories(root.disk(), root, reaper);
    this.pool =
        closer.add(
            new DirectoryPool(
                directories, driver, store, durability.syncFailures(), effort.directories()));
    this.chains = new Chains(store, directories);
  }

  /** Starts the deletion of trash. */
  public void start() {
    reaper.start();
  }

  public Root root() {
    return root;
  }

  public MetadataStore store() {
    return store;
  }

  public NameLocks nameLocks() {
    return nameLocks;
  }

  public ActiveSnapshots active() {
    return active;
  }

  public SnapshotDirectories directories() {
    return directories;
  }

  public Chains chains() {
    return chains;
  }

  public Reaper reaper() {
    return reaper;
  }

  /** {@return whether a snapshot has a record} */
  public boolean isRecorded(long id) {
    return store.find(id).isPresent();
  }

  /**
   * {@return a durable directory for a new snapshot, filled by the driver}
   *
   * @param prospective the chain of the snapshot, without an id
   */
  public SnapshotDirectories.PendingDirectory newDirectory(
      String operation, String key, Chain prospective) throws ErrnoException {
    Optional<SnapshotDirectories.PendingDirectory> pooled =
        driver.isBlank(prospective) ? pool.take() : Optional.empty();
    if (pooled.isPresent()) {
      return pooled.get();
    }
    long id = nextId(operation, key);
    Chain chain = prospective.withId(id);
    return directories.create(id, directory -> driver.create(directory, chain));
  }

  /**
   * {@return a durable directory for a snapshot whose files are elsewhere} It may hold the empty
   * directories of an active snapshot.
   */
  public SnapshotDirectories.PendingDirectory anyDirectory(String operation, String key)
      throws ErrnoException {
    Optional<SnapshotDirectories.PendingDirectory> pooled = pool.take();
    return pooled.isPresent() ? pooled.get() : directories.create(nextId(operation, key), _ -> {});
  }

  /**
   * The directory of a new snapshot before the snapshot is recorded.
   *
   * @param isUnsynced whether it holds a copy that may not be on disk
   */
  public record Fresh(long id, Timespec createdAt, boolean isUnsynced) {}

  /** {@return the properties of a new directory, which are read before its snapshot is recorded} */
  public Fresh fresh(long id) throws ErrnoException {
    boolean isUnsynced = driver.isUnsynced(id);
    return new Fresh(id, driver.createdAt(id), isUnsynced);
  }

  /** Takes note of a snapshot that was recorded with a new directory. */
  public void created(Fresh fresh) {
    active.created(fresh.id(), fresh.createdAt());
    if (fresh.isUnsynced()) {
      copyFlusher.submit(fresh.id());
    }
  }

  /**
   * Marks an active snapshot into which a layer is unpacked. The caller has locked its name.
   *
   * @param syncRequested whether the layer has to be durable, whatever {@code layer_sync} says
   * @throws SnapshotException.FailedPrecondition if a layer is being unpacked into it already
   */
  public ApplyTarget beginApply(String key, Chain chain, boolean syncRequested) {
    return new ApplyTarget(this, driver, durability, key, chain, syncRequested);
  }

  private long nextId(String operation, String key) {
    return StorageErrors.ask(operation, key, store::nextId);
  }

  /** Flushes copies that an earlier daemon did not flush. */
  public void flushCopies() throws ErrnoException {
    List<Long> found = new ArrayList<>();
    store.forEach(
        record -> {
          if (record.kind() == Kind.ACTIVE && !directories.isMissing(record.id())) {
            found.add(record.id());
          }
        });
    for (long id : found) {
      if (driver.isUnsynced(id)) {
        copyFlusher.submit(id);
      }
    }
  }

  /** Submits every directory without a record, and all trash, for deletion. */
  public void deleteUnrecorded() throws ErrnoException {
    directories.unrecorded(this::isRecorded).forEach(reaper::submit);
    directories.leftInTrash().forEach(reaper::submit);
  }

  /**
   * {@return the failure of a call on a snapshot without a lock: not found, if it was removed
   * since}
   */
  public SnapshotException failure(String operation, long id, String key, ErrnoException cause) {
    return isRecorded(id)
        ? StorageErrors.of(operation, key, cause)
        : Chains.notFound(operation, key);
  }

  /** Stops the threads and leaves directories and records as they are. */
  @Override
  public void close() {
    closer.close();
  }
}
