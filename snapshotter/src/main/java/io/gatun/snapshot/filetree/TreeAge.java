package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import java.util.Comparator;
import java.util.Optional;

/**
 * Detects changes in a tree since a given time by ctime: the kernel sets it on every change of an
 * inode or of a directory's names, and no process can set it back (inode(7)).
 */
public final class TreeAge {

  private static final Comparator<Timespec> BY_TIME =
      Comparator.comparingLong(Timespec::seconds).thenComparingLong(Timespec::nanos);

  private final TreeWork work = new SerialTreeWork();
  private final Timespec moment;
  private boolean hasChanged;

  private TreeAge(Timespec moment) {
    this.moment = moment;
  }

  /**
   * {@return whether anything has changed since}
   *
   * @param directory the top of the tree, just opened
   */
  public static boolean hasChangedSince(Timespec moment, Fd directory) throws ErrnoException {
    TreeAge age = new TreeAge(moment);
    age.look(Stat.statx(directory));
    try (TreeDescriptors descriptors = new TreeDescriptors()) {
      TreeDirectory top = TreeDirectory.top(descriptors, directory);
      age.work.run(() -> age.walk(top, top.enter()));
    }
    return age.hasChanged;
  }

  private void walk(TreeDirectory directory, Fd fd) throws ErrnoException {
    TreeBatch batch = TreeBatch.read(fd);
    if (!batch.isLast()) {
      work.fork(() -> walk(directory, fd));
    }
    for (DirectoryEntry entry : batch.entries()) {
      LinuxPath name = entry.name();
      Optional<FileStatus> status = Stat.tryStatx(fd, name, AtFlag.SYMLINK_NOFOLLOW);
      // A vanished entry is a change; its directory's ctime shows it too.
      hasChanged |= status.isEmpty();
      if (status.isPresent()) {
        look(status.get());
        if (status.get().type() == NodeType.DIRECTORY && !hasChanged) {
          TreeDirectory child = directory.child(name);
          work.fork(() -> walk(child, child.enter()));
        }
      }
    }
    if (batch.isLast()) {
      directory.leave();
    }
  }

  private void look(FileStatus status) {
    hasChanged |= BY_TIME.compare(status.changed(), moment) > 0;
  }
}
