package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.root.Disk;

/**
 * The objects that the classes which extract one layer share.
 *
 * @param top the root of the tree
 */
record Extraction(
    Disk disk,
    OpenDirectory top,
    Ownership ownership,
    DirectoryCache cache,
    DeferredAttributes ledger,
    UsageTally tally) {

  /**
   * Removes a name, if it exists, with everything below it, without following links. No other code
   * removes entries of the tree, so that the path cache is always invalidated.
   */
  void remove(Fd parent, LinuxPath name) throws ErrnoException {
    tally.giveUp();
    try {
      TreeDeletion.delete(disk, parent, name);
    } finally {
      cache.invalidate();
    }
  }
}
