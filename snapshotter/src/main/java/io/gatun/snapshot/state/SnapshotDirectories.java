package io.gatun.snapshot.state;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.durability.GroupSync;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongPredicate;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directories below {@code snapshots/}: how one comes to be, and which have no record.
 *
 * <p>A directory is filled inside {@code trash/} and moved to its id when it is complete, so that a
 * crash in between leaves nothing that anybody has to recognise.
 */
public final class SnapshotDirectories {

  private static final Logger log = LoggerFactory.getLogger(SnapshotDirectories.class);

  private static final int DIRECTORY_MODE = 0700;
  private static final String STAGING_SUFFIX = ".new";

  /** Fills the directory of a new snapshot. */
  @FunctionalInterface
  public interface Filler {
    void fill(Fd directory) throws ErrnoException;
  }

  /**
   * Fills the directory that takes the place of a recorded snapshot's.
   *
   * @param <E> why it may fail, other than a failed call
   */
  @FunctionalInterface
  public interface Refiller<E extends IOException> {
    /**
     * @param path where the directory is meanwhile; absolute
     */
    void fill(Fd directory, LinuxPath path) throws ErrnoException, E;
  }

  private final Disk disk;
  private final Root root;
  private final GroupSync names;
  private final Reaper reaper;

  /** Ids whose directories are, or will be, in place before their records are. */
  private final Set<Long> unrecorded = ConcurrentHashMap.newKeySet();

  /** Names in {@code trash/} of directories that are being made for snapshots. */
  private final Set<LinuxPath> remaking = ConcurrentHashMap.newKeySet();

  /** Counts on from the time of the start, so that no name is one that an earlier daemon left. */
  private final AtomicLong remakes = new AtomicLong(System.currentTimeMillis());

  /** Ids whose directories, or the files in them, were missing when the root was opened. */
  private final Set<Long> missing = ConcurrentHashMap.newKeySet();

  /** Ids whose indexed layers are not what they should be. */
  private final Set<Long> damaged = ConcurrentHashMap.newKeySet();

  SnapshotDirectories(Disk disk, Root root, Reaper reaper) {
    this.disk = disk;
    this.root = root;
    this.reaper = reaper;
    this.names = new GroupSync(() -> disk.sync(root.snapshots()));
  }

  /**
   * Makes the directory of a snapshot, durably. If this fails, or if what it returns is closed
   * before the snapshot is recorded, the directory is disposed of.
   */
  public PendingDirectory create(long id, Filler filler) throws ErrnoException {
    return createAll(() -> id, 1, filler).getFirst();
  }

  /**
   * Makes the directories of several snapshots, durably, with one sync for all. If this fails, all
   * of them are disposed of.
   *
   * @param ids gives out an id for each
   */
  List<PendingDirectory> createAll(LongSupplier ids, int count, Filler filler)
      throws ErrnoException {
    long mark = names.mark();
    List<PendingDirectory> made = new ArrayList<>(count);
    try {
      while (made.size() < count) {
        made.add(place(ids.getAsLong(), filler));
      }
      names.await(mark);
      return made;
    } catch (ErrnoException | RuntimeException | Error e) {
      made.forEach(PendingDirectory::close);
      throw e;
    }
  }

  /** Puts a directory in its place, and does not wait until it is durable. */
  private PendingDirectory place(long id, Filler filler) throws ErrnoException {
    LinuxPath staging = staging(id);
    PendingDirectory task = new PendingDirectory(id);
    try {
      disk.createDirectory(root.trash(), staging, DIRECTORY_MODE);
      task.garbage = staging;
      try (Fd directory = root.openDirectory(root.trash(), staging)) {
        filler.fill(directory);
      }
      LinuxPath name = Root.snapshotName(id);
      disk.rename(root.trash(), staging, root.snapshots(), name);
      task.garbage = name;
      return task;
    } catch (ErrnoException | RuntimeException | Error e) {
      task.close();
      throw e;
    }
  }

  /**
   * Makes the directory of a recorded snapshot once more, durably, and puts it in the place of the
   * one that is there, which is disposed of. At any time one of the two is in place.
   */
  public <E extends IOException> void remake(long id, Refiller<E> filler) throws ErrnoException, E {
    try (Staged staged = stage(id)) {
      filler.fill(staged.directory(), staged.path());
      long mark = mark();
      exchange(id, staged);
      await(mark);
    }
  }

  /**
   * Has another directory take the place of a recorded snapshot's, which has the place of the other
   * one then, and is disposed of with it.
   */
  public void exchange(long id, Staged staged) throws ErrnoException {
    disk.exchange(root.trash(), staged.name(), root.snapshots(), Root.snapshotName(id));
  }

  /** {@return what to give to {@link #await}; to be asked for before} {@link #exchange} */
  public long mark() {
    return names.mark();
  }

  /** Returns when it is durable which directory is in the place of which snapshot. */
  public void await(long mark) throws ErrnoException {
    names.await(mark);
  }

  /**
   * {@return a directory in {@code trash/} in which something is made for a snapshot}
   *
   * @param id of a recorded one, or {@link Chains#NO_ID} if it is not there yet
   */
  public Staged stage(long id) throws ErrnoException {
    // What was disposed of earlier may still have the name that a new directory has.
    LinuxPath name = LinuxPath.of(id + "." + remakes.incrementAndGet() + STAGING_SUFFIX);
    remaking.add(name);
    boolean isMade = false;
    try {
      disk.createDirectory(root.trash(), name, DIRECTORY_MODE);
      Staged staged = new Staged(name, root.openDirectory(root.trash(), name));
      isMade = true;
      return staged;
    } finally {
      if (!isMade) {
        remaking.remove(name);
        reaper.submit(name);
      }
    }
  }

  /** A directory that is disposed of, with what is still in it, when this is closed. */
  public final class Staged implements AutoCloseable {
    private final LinuxPath name;
    private final Fd directory;
    private final AtomicBoolean isClosed = new AtomicBoolean();

    private Staged(LinuxPath name, Fd directory) {
      this.name = name;
      this.directory = directory;
    }

    public Fd directory() {
      return directory;
    }

    /** {@return its name in {@code trash/}} */
    public LinuxPath name() {
      return name;
    }

    /** {@return where it is; absolute} */
    public LinuxPath path() {
      return LinuxPath.of(root.trashPath()).resolve(name);
    }

    /** {@return where the files of the snapshot are in it; absolute} */
    public LinuxPath files() {
      return path().resolve(Root.FILES);
    }

    @Override
    public void close() {
      if (isClosed.compareAndSet(false, true)) {
        directory.close();
        remaking.remove(name);
        reaper.submit(name);
      }
    }
  }

  /**
   * {@return whether the directory of a recorded snapshot, or the files in it, have vanished, or
   * its indexed layer is damaged}
   */
  public boolean isMissing(long id) {
    return missing.contains(id) || damaged.contains(id);
  }

  /** Says that the directory of a snapshot, or the files in it, were missing at the start. */
  public void missing(long id) {
    missing.add(id);
  }

  /** {@return whether {@link #damaged} was said of a snapshot, and not {@link #healed}} */
  public boolean isDamaged(long id) {
    return damaged.contains(id);
  }

  /** Says that the indexed layer of a snapshot is what it should be again. */
  public void healed(long id) {
    damaged.remove(id);
  }

  /** Says that the indexed layer of a snapshot is not what it should be. */
  public void damaged(long id) {
    damaged.add(id);
  }

  /** {@return the ids of directories that neither have a record nor are about to get one} */
  public List<Long> unrecorded(LongPredicate recorded) throws ErrnoException {
    List<Long> found = new ArrayList<>();
    for (long id : root.snapshotIds()) {
      // In this order: who records a snapshot does it before leaving the set.
      if (!unrecorded.contains(id) && !recorded.test(id)) {
        found.add(id);
      }
    }
    return found;
  }

  /** {@return what lies in {@code trash/} and is not being filled} */
  public List<LinuxPath> leftInTrash() throws ErrnoException {
    List<LinuxPath> found = new ArrayList<>(root.trashNames());
    unrecorded.forEach(id -> found.remove(staging(id)));
    found.removeAll(remaking);
    return found;
  }

  private static LinuxPath staging(long id) {
    return LinuxPath.of(id + STAGING_SUFFIX);
  }

  /** The directory of a snapshot that has no record yet. */
  public final class PendingDirectory implements AutoCloseable {
    private final long id;
    private boolean recorded;

    /** What is to be disposed of if the snapshot gets no record. */
    private @Nullable LinuxPath garbage;

    private PendingDirectory(long id) {
      this.id = id;
      unrecorded.add(id);
    }

    /** {@return the id of the snapshot} */
    public long id() {
      return id;
    }

    /** Says that the snapshot has its record. */
    public void recorded() {
      recorded = true;
    }

    @Override
    public void close() {
      if (!recorded && garbage != null) {
        reaper.submit(garbage);
      }
      unrecorded.remove(id);
    }

    /**
     * Deletes the directory at once, which is for one that was never to have a record. If that
     * fails, the next start does it.
     */
    void delete() {
      try {
        TreeDeletion.delete(disk, root.snapshots(), Root.snapshotName(id));
      } catch (ErrnoException e) {
        log.warn(
            "cannot delete directory={} now, the next start tries again error={}",
            id,
            e.getMessage());
      }
      unrecorded.remove(id);
    }
  }
}
