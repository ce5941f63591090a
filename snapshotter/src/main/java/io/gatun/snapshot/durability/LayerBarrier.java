package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import java.util.Optional;

/**
 * Brings the files of one layer to the disk: those of a small one by themselves, those of others
 * together with all that was written to the filesystem.
 *
 * <p>Either way it fails if the kernel could not write back something, whosever it was. Once that
 * has happened, layers are synced in the second way only: it alone tells of each further failure.
 */
public final class LayerBarrier {

  private final GroupSync filesystem;
  private final TreeSync trees;
  private final Optional<WritebackErrors> errors;
  private final SyncFailures syncFailures;

  /**
   * @param filesystem syncs all there is; {@code syncFailures} knows of its failures
   * @param errors what tells of writes that were lost; without it, no layer is synced by itself
   */
  public LayerBarrier(
      GroupSync filesystem,
      TreeSync trees,
      Optional<WritebackErrors> errors,
      SyncFailures syncFailures) {
    this.filesystem = filesystem;
    this.trees = trees;
    this.errors = errors;
    this.syncFailures = syncFailures;
  }

  /** {@return what to give to {@link #await}; to be asked for before writing} */
  long mark() {
    return filesystem.mark();
  }

  /**
   * Returns when all files of a layer are durable that were written since the mark.
   *
   * @param files the directory that has them
   * @throws ErrnoException if any write was lost since the mark, whosever it was
   */
  void await(LinuxPath files, long mark) throws ErrnoException {
    if (errors.isEmpty() || filesystem.hasFailed() || !awaitAlone(files, errors.get(), mark)) {
      filesystem.await(mark);
    }
  }

  /** {@return whether the layer is one that can be synced by itself, and so it was} */
  private boolean awaitAlone(LinuxPath files, WritebackErrors watch, long mark)
      throws ErrnoException {
    Optional<TreeSync.SmallTree> small = trees.open(files);
    if (small.isEmpty()) {
      return false;
    }
    try (TreeSync.SmallTree tree = small.get()) {
      filesystem.runAlone(
          mark,
          syncFailures.watching(
              () -> {
                tree.sync();
                watch.requireNone();
              }));
    } catch (ErrnoException e) {
      drain(e);
      throw e;
    }
    return true;
  }

  /**
   * Has the kernel say once more that something was lost, as it will to the next who syncs all
   * there is: better now than to a layer that is written only later.
   */
  private void drain(ErrnoException failure) {
    try {
      filesystem.await(filesystem.mark());
    } catch (ErrnoException e) {
      failure.addSuppressed(e);
    }
  }
}
