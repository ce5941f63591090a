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
 * The directory of a snapshot that is not there yet, with the files of a layer that was written
 * before it was known which layers are below it.
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
   * @param deletions what the layer's deletions are in it
   * @param isDurable whether all of it is on the disk
   * @param mark from {@link Durability#mark}, before the first was written
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

  /** {@return whether the tree is the caller's from now on, which it can be once} */
  boolean take() {
    return isTaken.compareAndSet(false, true);
  }

  /**
   * {@return whether the tree can be made what would be written to a place in a chain}
   *
   * <p>Without any layers below, those may become known at the commit, which tells the directories
   * that are to inherit from others by their times, and these are older here.
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

  /** Disposes of the tree, or, if it is in a place, of what was there before. */
  @Override
  public void release() {
    staged.close();
  }
}
