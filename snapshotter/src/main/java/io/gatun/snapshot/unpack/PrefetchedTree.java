package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.lower.ImplicitDirFixup;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.state.SnapshotDirectories;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The directory of a snapshot that does not exist yet. It has the files of a layer that was written
 * before the layers below it were known.
 *
 * @param staged the directory
 * @param deletions the form of the layer's deletions
 * @param isDurable whether all files are on the disk
 * @param mark from {@link io.gatun.snapshot.durability.Durability#mark}, before the first file was
 *     written
 * @param isTaken whether a caller owns the tree
 */
record PrefetchedTree(
    SnapshotDirectories.Staged staged,
    DeletionForm deletions,
    AppliedLayer layer,
    TreeResult result,
    boolean isDurable,
    long mark,
    AtomicBoolean isTaken)
    implements Prefetched {

  PrefetchedTree(
      SnapshotDirectories.Staged staged,
      DeletionForm deletions,
      AppliedLayer layer,
      TreeResult result,
      boolean isDurable,
      long mark) {
    this(staged, deletions, layer, result, isDurable, mark, new AtomicBoolean());
  }

  /** {@return whether the caller owns the tree from now on; true only for the first call} */
  boolean take() {
    return isTaken.compareAndSet(false, true);
  }

  /**
   * {@return whether the tree can become the one that an apply would write to a place in a chain}
   *
   * <p>If there are no layers below, the commit may add some. It finds the directories that inherit
   * their attributes by their times, and these directories are too old for that.
   */
  boolean isFor(Disk disk, LayerTarget place) throws ErrnoException {
    if (place.deletions() != deletions) {
      return false;
    }
    Optional<ImplicitDirectoryList> implicit = result.implicitDirectories();
    if (implicit.isEmpty()) {
      return false;
    }
    if (place.lowers().isEmpty()) {
      return implicit.get().isEmpty();
    }
    LayerTarget there = new LayerTarget(staged.files(), deletions, place.lowers());
    try (ImplicitDirFixup inheritance = ImplicitDirFixup.open(disk, there, implicit.get())) {
      return inheritance.isExact();
    }
  }

  /** Deletes the tree or, after an exchange, the directory whose place it took. */
  @Override
  public void release() {
    staged.close();
  }
}
