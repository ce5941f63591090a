package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.root.Disk;

/** The only code that removes entries of the tree, so that the path cache is always invalidated. */
final class Removal {

  private final Disk disk;
  private final DirectoryCache cache;
  private final UsageTally tally;

  Removal(Disk disk, DirectoryCache cache, UsageTally tally) {
    this.disk = disk;
    this.cache = cache;
    this.tally = tally;
  }

  /** Removes a name, if it exists, with everything below it, without following links. */
  void remove(Fd parent, LinuxPath name) throws ErrnoException {
    tally.giveUp();
    try {
      TreeDeletion.delete(disk, parent, name);
    } finally {
      cache.invalidate();
    }
  }
}
