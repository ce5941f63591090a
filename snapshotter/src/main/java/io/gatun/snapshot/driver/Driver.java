package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerTarget;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One way of keeping snapshots in directories. Safe for use by many threads. */
public interface Driver {

  /** {@return which driver this is, as recorded in the root it works on} */
  DriverName name();

  /**
   * Fills the directory of a new active or view snapshot. The directory is empty, nobody else knows
   * it, and it is moved to its final place afterwards; if this fails, the caller disposes of it.
   *
   * @param directory the new snapshot's directory, to become {@code snapshots/<id>}
   */
  void create(Fd directory, Chain chain) throws ErrnoException;

  /**
   * {@return whether the directory of a new snapshot is filled like that of an {@link Chain#blank
   * ordinary} one, so that it may be one that was made in advance}
   *
   * @param chain the snapshot to be, with any id
   */
  boolean isBlank(Chain chain) throws ErrnoException;

  /**
   * {@return whether files that {@link #create} put into a snapshot may not be on the disk yet} If
   * the machine stops before they are, the driver refuses to hand the snapshot out.
   */
  boolean isUnsynced(long id) throws ErrnoException;

  /** Takes note, durably, that all that {@link #create} put into a snapshot is on the disk. */
  void flush(long id) throws ErrnoException;

  /**
   * {@return what to mount to use an active or view snapshot}
   *
   * @throws SnapshotException.FailedPrecondition if it must not be used any more, with the reason
   */
  List<Mount> mounts(Chain chain) throws ErrnoException;

  /** {@return whether {@link #mounts} can tell without a look at the disk} */
  boolean mountsNeedNoIo(Chain chain);

  /**
   * {@return why a snapshot that was made without a parent cannot be put on one when it is
   * committed, with what to do about it; or nothing if it can}
   *
   * @param chain the snapshot as it was made
   */
  Optional<String> obstacleToRebase(Chain chain);

  /**
   * Brings the files of an active snapshot into the form in which they are committed. Done before
   * the commit is recorded and harmless to repeat, since a crash may come in between.
   *
   * @param chain the snapshot as it will be committed, so with the parent that it is put on
   * @param mayHaveMarks whether somebody may have put marks into it that stand for deletions
   * @return whether anything had to be done
   */
  boolean seal(Chain chain, boolean mayHaveMarks) throws ErrnoException;

  /**
   * {@return whether nothing has been put into an active snapshot since it was made, so that making
   * it once more takes nothing away}
   *
   * @param createdAt what {@link #createdAt} said then, if that is known
   */
  boolean isPristine(Chain chain, Optional<Timespec> createdAt) throws ErrnoException;

  /**
   * {@return the moment in which a new snapshot was moved to its place, by the clock of the
   * filesystem; to be asked for before anybody knows of the snapshot}
   */
  Timespec createdAt(long id) throws ErrnoException;

  /** {@return where the files of a layer go that is unpacked into an active snapshot} */
  LayerTarget target(Chain chain);

  /**
   * {@return what the deletions of a layer become in an {@link Chain#blank ordinary} snapshot that
   * has others below it; nothing if its files begin as a copy of theirs}
   */
  Optional<DeletionForm> deletionsOverOthers();

  /**
   * {@return dates by which it shows, if they differ from earlier ones, that somebody has mounted
   * the snapshot or changed something at its top} Much can be changed without a trace here.
   */
  List<Timespec> changeTimes(Chain chain) throws ErrnoException;

  /**
   * {@return whether a snapshot holds nothing of its own, so that nothing of it has to reach the
   * disk}
   */
  boolean isEmpty(Chain chain) throws ErrnoException;

  /** Counts what a snapshot takes by itself; takes as long as walking it does. */
  Usage usage(Chain chain) throws ErrnoException;

  /**
   * {@return labels that a snapshot is shown with in addition to its own, of which they are never a
   * part}
   *
   * @param id the snapshot's id
   */
  Map<String, String> labels(long id);
}
