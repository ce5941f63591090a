package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Io;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/**
 * The files with several names in a tree being copied. The first thread at such a file creates the
 * copy; others link to it as soon as it exists, even while it is empty.
 */
final class HardLinks {

  private record Inode(long device, long number) {}

  /** The copy of one file. Its monitor is held while one of its names is created. */
  private static final class Copy {
    private @Nullable TreeDirectory parent;
    private @Nullable LinuxPath name;
    private int namesToCome;

    Copy(int names) {
      this.namesToCome = names;
    }
  }

  private final Disk disk;
  private final ConcurrentMap<Inode, Copy> copies = new ConcurrentHashMap<>();

  HardLinks(Disk disk) {
    this.disk = disk;
  }

  /** {@return the result of {@code creation}, or null if an existing copy was linked instead} */
  <T> @Nullable T createOrLink(
      FileStatus status, TreeDirectory parent, Fd parentFd, LinuxPath name, Io.Source<T> creation)
      throws ErrnoException {
    if (status.links() == 1) {
      return creation.get();
    }
    Inode inode = new Inode(status.device(), status.inode());
    Copy copy = copies.computeIfAbsent(inode, _ -> new Copy(status.links()));
    synchronized (copy) {
      T created = null;
      if (copy.parent == null || copy.name == null) {
        created = creation.get();
        copy.parent = parent;
        copy.name = name;
      } else {
        link(copy.parent, copy.name, parentFd, name);
      }
      copy.namesToCome--;
      if (copy.namesToCome == 0) {
        copies.remove(inode);
      }
      return created;
    }
  }

  private void link(TreeDirectory fromParent, LinuxPath from, Fd parentFd, LinuxPath name)
      throws ErrnoException {
    Fd fromFd = fromParent.open();
    try {
      disk.createHardLink(fromFd, from, parentFd, name);
    } finally {
      fromParent.release();
    }
  }
}
