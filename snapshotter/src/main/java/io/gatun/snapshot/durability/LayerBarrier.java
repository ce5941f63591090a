package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import java.util.Optional;

/**
 * Syncs one layer: a small one file by file, others together with the whole filesystem.
 *
 * <p>Either way it fails if any write to the filesystem was lost. After such a failure, layers are
 * synced with the filesystem only, because only syncfs reports every further failure.
 */
public final class LayerBarrier {

  private final GroupSync filesystem;
  private final TreeSync trees;
  private final Optional<WritebackErrors> errors;
  private final SyncFailures syncFailures;

  /**
   * @param filesystem syncs the whole filesystem; {@code syncFailures} knows of its failures
   * @param errors reports lost writes; without it, no layer is synced alone
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

  /** {@return a mark for {@link #await}, to be taken before writing} */
  long mark() {
    return filesystem.mark();
  }

  /**
   * Returns when all files of a layer written since the mark are durable.
   *
   * @param files their directory
   * @throws ErrnoException if any write to the filesystem was lost since the mark
   */
  void await(LinuxPath files, long mark) throws ErrnoException {
    if (errors.isEmpty() || filesystem.hasFailed() || !awaitAlone(files, errors.get(), mark)) {
      filesystem.await(mark);
    }
  }

  /** {@return whether the layer was small enough to be synced alone} */
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
   * Consumes the kernel's pending report of the failure now, because the next syncfs would
   * otherwise return it to a layer written later.
   */
  private void drain(ErrnoException failure) {
    try {
      filesystem.await(filesystem.mark());
    } catch (ErrnoException e) {
      failure.addSuppressed(e);
    }
  }
}
