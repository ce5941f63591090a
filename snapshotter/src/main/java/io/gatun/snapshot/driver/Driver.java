package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerTarget;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One way of storing snapshots in directories. Thread-safe. */
public interface Driver {

  /** {@return the name under which the driver is recorded in its root} */
  DriverName name();

  /**
   * Fills the directory of a new active or view snapshot. The directory is empty, no other thread
   * knows it, and it is renamed to its final path afterwards. If this fails, the caller deletes it.
   *
   * @param directory the new snapshot's directory, to become {@code snapshots/<id>}
   */
  void create(Fd directory, Chain chain) throws ErrnoException;

  /**
   * {@return whether the directory of a new snapshot is filled like that of a {@link Chain#blank
   * blank} one, so that a preallocated one can be used}
   *
   * @param chain of the future snapshot, with any id
   */
  boolean isBlank(Chain chain) throws ErrnoException;

  /**
   * {@return whether files created by {@link #create} may not be on disk yet} If the machine stops
   * before they are, the driver refuses to use the snapshot.
   */
  boolean isUnsynced(long id) throws ErrnoException;

  /** Records, durably, that all files created by {@link #create} are on disk. */
  void flush(long id) throws ErrnoException;

  /**
   * {@return the mounts of an active or view snapshot}
   *
   * @throws SnapshotException.FailedPrecondition if it must not be used any more, with the reason
   */
  List<Mount> mounts(Chain chain) throws ErrnoException;

  /** {@return whether {@link #mounts} needs no disk access} */
  boolean mountsNeedNoIo(Chain chain);

  /**
   * {@return why a snapshot that was created without a parent cannot get one by its commit, with a
   * remedy; empty if it can}
   *
   * @param chain of the snapshot as it was created
   */
  Optional<String> obstacleToRebase(Chain chain);

  /**
   * Brings the files of an active snapshot into their committed form. Runs before the commit is
   * recorded, so it must be repeatable after a crash.
   *
   * @param chain of the committed snapshot, with its final parent
   * @param mayHaveMarks whether the snapshot may contain marks of deletions
   * @return whether anything had to be done
   */
  boolean seal(Chain chain, boolean mayHaveMarks) throws ErrnoException;

  /**
   * {@return whether an active snapshot is unchanged since its creation, so that recreating it
   * loses nothing}
   *
   * @param createdAt the result of {@link #createdAt} after creation, if known
   */
  boolean isPristine(Chain chain, Optional<Timespec> createdAt) throws ErrnoException;

  /**
   * {@return the time at which a new snapshot was moved to its place, by the filesystem's clock;
   * must be called before others know the snapshot}
   */
  Timespec createdAt(long id) throws ErrnoException;

  /** {@return where to extract a layer for an active snapshot} */
  LayerTarget target(Chain chain);

  /**
   * {@return how deletions are represented in a {@link Chain#blank blank} snapshot with lower
   * layers; empty if its files start as a copy}
   */
  Optional<DeletionForm> deletionsOverOthers();

  /**
   * {@return times that change when the snapshot is mounted or its root directory is modified} Many
   * other changes leave no trace here.
   */
  List<Timespec> changeTimes(Chain chain) throws ErrnoException;

  /** {@return whether a snapshot has no files of its own, so that nothing needs a sync} */
  boolean isEmpty(Chain chain) throws ErrnoException;

  /** Counts the usage of a snapshot by walking its files. */
  Usage usage(Chain chain) throws ErrnoException;

  /**
   * {@return labels that are added to the stored ones whenever a snapshot is shown}
   *
   * @param id the snapshot's id
   */
  Map<String, String> labels(long id);
}
