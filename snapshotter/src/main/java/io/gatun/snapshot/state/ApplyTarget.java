package io.gatun.snapshot.state;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.layer.LayerTarget;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An active snapshot that is marked while a layer is unpacked into it. The mark ends when the layer
 * is recorded, or with {@link #rollBack}. Until then a commit, a removal or another apply fails at
 * once, without waiting for the layer.
 *
 * <pre>
 *   mark -+-> record begun -> files -> record written -> mark ends
 *         |        |            |            |
 *         |        '------------+------------'--failure--> new directory -> mark ends
 *         '--failure----------------------------------------------------> mark ends
 * </pre>
 *
 * <p>If the directory cannot be recreated, the snapshot counts as partly unpacked: it cannot be
 * committed, and the next apply tries again.
 *
 * <p>Not safe for use by several threads.
 */
public final class ApplyTarget {

  private static final Logger log = LoggerFactory.getLogger(ApplyTarget.class);

  private final Snapshots snapshots;
  private final ActiveSnapshots active;
  private final Driver driver;
  private final Durability durability;
  private final String key;
  private final Chain chain;
  private final boolean syncRequested;

  /** Whether {@link #rollBack} may find files in the snapshot's directory, or beside it. */
  private boolean isTouched;

  /** Whether the mark has ended. */
  private boolean isEnded;

  /** See {@link Snapshots#beginApply}. */
  ApplyTarget(
      Snapshots snapshots,
      Driver driver,
      Durability durability,
      String key,
      Chain chain,
      boolean syncRequested) {
    this.snapshots = snapshots;
    this.active = snapshots.active();
    this.driver = driver;
    this.durability = durability;
    this.key = key;
    this.chain = chain;
    this.syncRequested = syncRequested;
    active.begin(key, chain.id());
  }

  public String key() {
    return key;
  }

  public long id() {
    return chain.id();
  }

  public Chain chain() {
    return chain;
  }

  public boolean syncRequested() {
    return syncRequested;
  }

  /** {@return where the files of the layer go} */
  public LayerTarget files() {
    return driver.target(chain);
  }

  /** {@return the times of the last changes to the snapshot's directories} */
  public List<Timespec> changeTimes() throws ErrnoException {
    return driver.changeTimes(chain);
  }

  /**
   * Checks that the snapshot is empty, and removes the files that a failed apply has left there.
   * Ends the checks that {@link ActiveSnapshots#awaitPreparation} waits for.
   *
   * @throws SnapshotException.Unsupported if it has other files
   */
  public void requirePristine() throws ErrnoException {
    if (active.isPartial(id())) {
      remake();
    } else if (!driver.isPristine(chain, active.createdAt(id()))) {
      throw new SnapshotException.Unsupported(
          "apply %s: there is something in the snapshot already".formatted(key));
    }
    active.prepared(id());
  }

  /**
   * Checks that the snapshot can be committed if the layer has to be durable.
   *
   * @throws SnapshotException.FailedPrecondition if it cannot
   */
  public void requireCommittable() {
    durability.requireCommittable(key, id(), syncRequested);
  }

  /**
   * Puts a staged directory in the place of the snapshot's, unless the snapshot's mounts were
   * handed out meanwhile.
   *
   * @return whether it was changed
   */
  public boolean exchangeIfNotExposed(SnapshotDirectories.Staged staged) throws ErrnoException {
    return active.ifNotExposed(
        id(),
        () -> {
          isTouched = true;
          snapshots.directories().exchange(id(), staged);
        });
  }

  /**
   * Records on the disk, before the first file is written, that the snapshot may have a part of a
   * layer.
   */
  public void markUnpacking() throws ErrnoException {
    isTouched = true;
    active.markUnpacking(id());
  }

  /**
   * Records on the disk, before {@link #indexed}, that the snapshot has the layer in indexed form.
   */
  public void recordIndexed(ActiveSnapshots.Layer layer) throws ErrnoException {
    isTouched = true;
    active.recordIndexed(id(), layer);
  }

  /** Records that the layer is in the snapshot's directory, and ends the mark. */
  public void unpacked(ActiveSnapshots.Layer layer) throws ErrnoException {
    active.unpacked(id(), layer);
    isEnded = true;
  }

  /**
   * Sets in memory that the snapshot has the layer in indexed form, and ends the mark. Does nothing
   * if the mounts were handed out meanwhile, because the layer would not be visible through them.
   *
   * @return whether that was done
   */
  public boolean indexed(ActiveSnapshots.Layer layer) {
    isEnded = active.indexed(id(), layer);
    return isEnded;
  }

  /**
   * Deletes the written files, and ends the mark. Does nothing if the mark has ended. Throws
   * nothing of its own, because the caller throws the failure of the apply.
   */
  public void rollBack() {
    if (isEnded) {
      return;
    }
    isEnded = true;
    try {
      if (isTouched) {
        active.markPartial(id());
        remake();
      }
    } catch (ErrnoException e) {
      log.warn(
          "what was unpacked of a layer cannot be taken away now, the next attempt tries again key=\"{}\" id={}"
              + " error=\"{}\"",
          key,
          id(),
          e.getMessage());
    } finally {
      active.end(id());
    }
  }

  private void remake() throws ErrnoException {
    try {
      remakeOnce();
    } catch (ErrnoException e) {
      if (!StorageErrors.isExhaustion(e.errno())) {
        throw e;
      }
      // The layer itself may take the room that a new directory needs.
      empty();
      remakeOnce();
    }
    snapshots.created(snapshots.fresh(id()));
  }

  private void remakeOnce() throws ErrnoException {
    snapshots
        .directories()
        .<ErrnoException>remake(id(), (directory, _) -> driver.create(directory, chain));
  }

  private void empty() throws ErrnoException {
    try (Fd files = Fcntl.open(files().files(), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      for (DirectoryEntry entry : new DirectoryReader().all(files)) {
        TreeDeletion.delete(snapshots.root().disk(), files, entry.name());
      }
    }
  }
}
