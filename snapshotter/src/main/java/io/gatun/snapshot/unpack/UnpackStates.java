package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.CopyFlusher;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.SnapshotDirectories;
import io.gatun.snapshot.state.Snapshots;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Changes the state of a snapshot during an apply: the mark in memory, the record on the disk, and
 * the directory, which is recreated after a failed apply.
 *
 * <pre>
 *   begin -> mark -+-> record begun -> files -> record written -> mark ends
 *                  |        |            |            |
 *                  |        '------------+------------'--failure--> new directory -> mark ends
 *                  '--failure----------------------------------------------------> mark ends
 * </pre>
 *
 * <p>If the directory cannot be recreated, the snapshot counts as partly unpacked: it cannot be
 * committed, and the next apply tries again.
 */
public final class UnpackStates {

  private static final Logger log = LoggerFactory.getLogger(UnpackStates.class);

  private final Driver driver;
  private final Durability durability;
  private final Disk disk;
  private final SnapshotDirectories directories;
  private final CopyFlusher copyFlusher;
  private final ActiveSnapshots activeSnapshots;

  public UnpackStates(Snapshots snapshots, Driver driver, Durability durability) {
    this.driver = driver;
    this.durability = durability;
    this.disk = snapshots.root().disk();
    this.directories = snapshots.directories();
    this.copyFlusher = snapshots.copyFlusher();
    this.activeSnapshots = snapshots.active();
  }

  /**
   * Marks a snapshot whose name the caller has locked. From now on a commit, a removal or another
   * apply fails at once, without waiting for the layer.
   *
   * @throws SnapshotException.FailedPrecondition if a layer is being unpacked into it already
   */
  ApplyTarget begin(String key, Chain chain, boolean syncRequested) {
    activeSnapshots.begin(key, chain.id());
    return new ApplyTarget(this, key, chain, syncRequested);
  }

  /**
   * Checks that a marked snapshot is empty, and removes the files that a failed apply has left
   * there.
   *
   * @throws SnapshotException.Unsupported if it has other files
   */
  void requirePristine(ApplyTarget target) throws ErrnoException {
    Chain chain = target.chain();
    if (activeSnapshots.isPartial(chain.id())) {
      remake(chain);
    } else if (!driver.isPristine(chain, activeSnapshots.createdAt(chain.id()))) {
      throw new SnapshotException.Unsupported(
          "apply %s: there is something in the snapshot already".formatted(target.key()));
    }
  }

  LayerTarget files(Chain chain) {
    return driver.target(chain);
  }

  List<Timespec> changeTimes(Chain chain) throws ErrnoException {
    return driver.changeTimes(chain);
  }

  void requireCommittable(ApplyTarget target) {
    durability.requireCommittable(target.key(), target.id(), target.syncRequested());
  }

  boolean ifNotExposed(long id, ActiveSnapshots.Change change) throws ErrnoException {
    return activeSnapshots.ifNotExposed(id, change);
  }

  /** Ends the checks that {@link ActiveSnapshots#awaitPreparation} waits for. */
  void prepared(long id) {
    activeSnapshots.prepared(id);
  }

  void markUnpacking(long id) throws ErrnoException {
    activeSnapshots.markUnpacking(id);
  }

  void recordIndexed(long id, ActiveSnapshots.Layer layer) throws ErrnoException {
    activeSnapshots.recordIndexed(id, layer);
  }

  void unpacked(long id, ActiveSnapshots.Layer layer) throws ErrnoException {
    activeSnapshots.unpacked(id, layer);
  }

  boolean indexed(long id, ActiveSnapshots.Layer layer) {
    return activeSnapshots.indexed(id, layer);
  }

  void end(long id) {
    activeSnapshots.end(id);
  }

  /**
   * Deletes the written files. Throws nothing of its own, because the caller throws the failure of
   * the apply.
   */
  void restore(ApplyTarget target) {
    long id = target.id();
    activeSnapshots.markPartial(id);
    try {
      remake(target.chain());
    } catch (ErrnoException e) {
      log.warn(
          "what was unpacked of a layer cannot be taken away now, the next attempt tries again key=\"{}\" id={}"
              + " error=\"{}\"",
          target.key(),
          id,
          e.getMessage());
    } finally {
      activeSnapshots.end(id);
    }
  }

  private void remake(Chain chain) throws ErrnoException {
    try {
      directories.<ErrnoException>remake(
          chain.id(), (directory, _) -> driver.create(directory, chain));
    } catch (ErrnoException e) {
      if (!StorageErrors.isExhaustion(e.errno())) {
        throw e;
      }
      // The layer itself may take the room that a new directory needs.
      empty(chain);
      directories.<ErrnoException>remake(
          chain.id(), (directory, _) -> driver.create(directory, chain));
    }
    boolean isUnsynced = driver.isUnsynced(chain.id());
    activeSnapshots.created(chain.id(), driver.createdAt(chain.id()));
    if (isUnsynced) {
      copyFlusher.submit(chain.id());
    }
  }

  private void empty(Chain chain) throws ErrnoException {
    try (Fd files =
        Fcntl.open(driver.target(chain).files(), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      for (DirectoryEntry entry : new DirectoryReader().all(files)) {
        TreeDeletion.delete(disk, files, entry.name());
      }
    }
  }
}
