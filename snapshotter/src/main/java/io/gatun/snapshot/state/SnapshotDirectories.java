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
 * Creates and replaces the directories below {@code snapshots/}, and knows which have no record.
 *
 * <p>A directory is filled inside {@code trash/} and renamed to its id once it is complete, so that
 * a crash leaves nothing that needs to be recognized.
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
   * Fills the directory that replaces that of a recorded snapshot.
   *
   * @param <E> a failure other than that of a system call
   */
  @FunctionalInterface
  public interface Refiller<E extends IOException> {
    /**
     * @param path the absolute path of the directory while it is filled
     */
    void fill(Fd directory, LinuxPath path) throws ErrnoException, E;
  }

  private final Disk disk;
  private final Root root;
  private final GroupSync names;
  private final Reaper reaper;

  /** Ids of directories that do not have their record yet. */
  private final Set<Long> unrecorded = ConcurrentHashMap.newKeySet();

  /** Names in {@code trash/} of directories that are being filled for snapshots. */
  private final Set<LinuxPath> remaking = ConcurrentHashMap.newKeySet();

  /** Starts at the current time, so that no name equals one that an earlier daemon left. */
  private final AtomicLong remakes = new AtomicLong(System.currentTimeMillis());

  /** Ids whose directories, or the files in them, were missing when the root was opened. */
  private final Set<Long> missing = ConcurrentHashMap.newKeySet();

  /** Ids whose indexed layers are damaged. */
  private final Set<Long> damaged = ConcurrentHashMap.newKeySet();

  SnapshotDirectories(Disk disk, Root root, Reaper reaper) {
    this.disk = disk;
    this.root = root;
    this.reaper = reaper;
    this.names = new GroupSync(() -> disk.sync(root.snapshots()));
  }

  /**
   * Creates the directory of a snapshot, durably. The directory is deleted if this fails, or if the
   * result is closed before the snapshot is recorded.
   */
  public PendingDirectory create(long id, Filler filler) throws ErrnoException {
    return createAll(() -> id, 1, filler).getFirst();
  }

  /**
   * Creates the directories of several snapshots, durably, with one sync for all. If this fails,
   * all of them are deleted.
   *
   * @param ids gives each directory its id
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

  /** Creates a directory in its final place, without waiting until it is durable. */
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
   * Replaces the directory of a recorded snapshot with a new one, durably, and deletes the old one.
   * One of the two is in place at any time.
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
   * Exchanges the directory of a recorded snapshot with a staged one. Closing {@code staged} then
   * deletes the old directory.
   */
  public void exchange(long id, Staged staged) throws ErrnoException {
    disk.exchange(root.trash(), staged.name(), root.snapshots(), Root.snapshotName(id));
  }

  /** {@return the mark for {@link #await}; call this before {@link #exchange}} */
  public long mark() {
    return names.mark();
  }

  /** Waits until all exchanges before the mark are durable. */
  public void await(long mark) throws ErrnoException {
    names.await(mark);
  }

  /**
   * {@return a new directory in {@code trash/}, to be filled for a snapshot}
   *
   * @param id of a recorded snapshot, or {@link Chains#NO_ID} for one without a record
   */
  public Staged stage(long id) throws ErrnoException {
    // An older staged directory of this snapshot may still be in the trash, so each name is unique.
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

  /** A directory in {@code trash/}, which is deleted with its content when this is closed. */
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

    /** {@return its absolute path} */
    public LinuxPath path() {
      return LinuxPath.of(root.trashPath()).resolve(name);
    }

    /** {@return the absolute path of the snapshot's files in it} */
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
   * {@return whether the files of a recorded snapshot are missing, or its indexed layer is damaged}
   */
  public boolean isMissing(long id) {
    return missing.contains(id) || damaged.contains(id);
  }

  /** Records that the directory of a snapshot, or the files in it, were missing at the start. */
  public void missing(long id) {
    missing.add(id);
  }

  /** {@return whether the indexed layer of a snapshot is damaged} */
  public boolean isDamaged(long id) {
    return damaged.contains(id);
  }

  /** Records that the indexed layer of a snapshot was repaired. */
  public void healed(long id) {
    damaged.remove(id);
  }

  /** Records that the indexed layer of a snapshot is damaged. */
  public void damaged(long id) {
    damaged.add(id);
  }

  /** {@return the ids of directories without a record, except those of snapshots in creation} */
  public List<Long> unrecorded(LongPredicate recorded) throws ErrnoException {
    List<Long> found = new ArrayList<>();
    for (long id : root.snapshotIds()) {
      // Test the set first: a new snapshot is recorded before its id leaves the set.
      if (!unrecorded.contains(id) && !recorded.test(id)) {
        found.add(id);
      }
    }
    return found;
  }

  /** {@return the names in {@code trash/}, except those of directories that are being filled} */
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

    /** The name to delete if the snapshot gets no record. */
    private @Nullable LinuxPath garbage;

    private PendingDirectory(long id) {
      this.id = id;
      unrecorded.add(id);
    }

    public long id() {
      return id;
    }

    /** Keeps the directory on close, because the snapshot has its record. */
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
     * Deletes a pooled directory that no snapshot has taken. If that fails, the next start deletes
     * it.
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
