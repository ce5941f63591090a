package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.tar.LayerEntry;

/** What is done when a layer says that something below is gone. */
sealed interface Deletions permits OverlayDeletions, InPlaceDeletions {

  /** Hides what is below under a name, and removes what the layer itself has put there before. */
  void whiteout(OpenDirectory parent, LayerEntry.Whiteout entry) throws ErrnoException;

  /**
   * Hides everything in a directory that is below, and nothing that this layer has written or will
   * write there.
   */
  void opaque(OpenDirectory directory) throws ErrnoException;

  /** {@return whether a name is there only to hide what is below} */
  boolean isWhiteout(OpenDirectory parent, LinuxPath name) throws ErrnoException;

  /**
   * Hides what is below a directory that was just made in the place of a whiteout: the layer has
   * removed what was there, and then made another.
   */
  void hideBelow(Fd directory) throws ErrnoException;

  /** {@return whether there may be anything in the tree now that only says what is gone} */
  boolean hasMarks();

  /** Takes note that this layer has something in a directory. */
  void entered(OpenDirectory directory) throws ErrnoException;

  /** Takes note of what this layer is about to write. */
  void writes(OpenDirectory parent, LinuxPath name) throws ErrnoException;
}
