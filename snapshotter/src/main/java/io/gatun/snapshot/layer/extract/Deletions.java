package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.entry.LayerEntry;

/** How a tree represents the deletions of a layer. */
sealed interface Deletions permits OverlayDeletions, InPlaceDeletions {

  /** Hides the lower entry of a name, and removes what the layer itself has written there. */
  void whiteout(OpenDirectory parent, LayerEntry.Whiteout entry) throws ErrnoException;

  /**
   * Hides the lower content of a directory, but nothing that this layer writes there before or
   * after.
   */
  void opaque(OpenDirectory directory) throws ErrnoException;

  /** {@return whether a name exists only to hide a lower entry} */
  boolean isWhiteout(OpenDirectory parent, LinuxPath name) throws ErrnoException;

  /**
   * Hides the lower content of a new directory that replaces a whiteout: the layer deleted the name
   * and then created it again.
   */
  void hideBelow(Fd directory) throws ErrnoException;

  boolean hasMarks();

  /** Records that the layer has an entry in a directory. */
  void entered(OpenDirectory directory) throws ErrnoException;

  /** Records a path that this layer is about to write. */
  void writes(OpenDirectory parent, LinuxPath name) throws ErrnoException;
}
