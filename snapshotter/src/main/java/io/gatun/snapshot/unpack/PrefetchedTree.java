package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.durability.Durability;
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
 */
final class PrefetchedTree implements Prefetched {

  private final SnapshotDirectories.Staged staged;
  private final DeletionForm deletions;
  private final AppliedLayer layer;
  private final TreeResult result;
  private final boolean isDurable;
  private final long mark;
  private final AtomicBoolean isTaken = new AtomicBoolean();

  /**
   * @param staged the directory
   * @param deletions the form of the layer's deletions
   * @param isDurable whether all files are on the disk
   * @param mark from {@link Durability#mark}, before the first file was written
   */
  PrefetchedTree(
      SnapshotDirectories.Staged staged,
      DeletionForm deletions,
      AppliedLayer layer,
      TreeResult result,
      boolean isDurable,
      long mark) {
    this.staged = staged;
    this.deletions = deletions;
    this.layer = layer;
    this.result = result;
    this.isDurable = isDurable;
    this.mark = mark;
  }

  SnapshotDirectories.Staged staged() {
    return staged;
  }

  AppliedLayer layer() {
    return layer;
  }

  TreeResult result() {
    return result;
  }

  boolean isDurable() {
    return isDurable;
  }

  long mark() {
    return mark;
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
