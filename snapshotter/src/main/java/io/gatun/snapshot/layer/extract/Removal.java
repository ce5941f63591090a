package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.root.Disk;

/**
 * The one way in which anything of the tree is removed, so that none is forgotten that changes what
 * paths lead to.
 */
final class Removal {

  private final Disk disk;
  private final DirectoryCache cache;
  private final UsageTally tally;

  Removal(Disk disk, DirectoryCache cache, UsageTally tally) {
    this.disk = disk;
    this.cache = cache;
    this.tally = tally;
  }

  /** Removes whatever has a name, if anything has, with all that is in it; follows nothing. */
  void remove(Fd parent, LinuxPath name) throws ErrnoException {
    tally.giveUp();
    try {
      TreeDeletion.delete(disk, parent, name);
    } finally {
      cache.invalidate();
    }
  }
}
