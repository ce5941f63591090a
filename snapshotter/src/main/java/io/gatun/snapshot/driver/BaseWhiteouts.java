package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.filetree.SerialTreeWork;
import io.gatun.snapshot.filetree.TreeBatch;
import io.gatun.snapshot.filetree.TreeDescriptors;
import io.gatun.snapshot.filetree.TreeDirectory;
import io.gatun.snapshot.filetree.TreeWork;
import io.gatun.snapshot.root.Disk;
import java.util.List;
import java.util.Set;

/**
 * Removes from a base layer the marks that only have a meaning above another layer: 0:0 devices
 * that represent deleted files, and attributes that hide the lower directory. Without a lower
 * layer, the kernel would expose the devices through a bind mount.
 *
 * <p>A 0:0 device that the image contains as a real device is removed as well: it cannot be told
 * from a whiteout, and an overlay, through which the base is seen once it has an upper layer, never
 * shows one.
 */
final class BaseWhiteouts {

  /** The attributes by which overlayfs hides a lower directory. */
  static final Set<LinuxPath> OPAQUE_MARKS =
      Set.of(LinuxPath.of("trusted.overlay.opaque"), LinuxPath.of("user.overlay.opaque"));

  private final Disk disk;
  private final TreeWork work = new SerialTreeWork();
  private boolean hasRemoved;

  private BaseWhiteouts(Disk disk) {
    this.disk = disk;
  }

  /**
   * Removes all marks; can be repeated.
   *
   * @param files the root of the layer, just opened
   * @return whether there were any
   */
  static boolean remove(Disk disk, Fd files) throws ErrnoException {
    BaseWhiteouts whiteouts = new BaseWhiteouts(disk);
    try (TreeDescriptors descriptors = new TreeDescriptors()) {
      TreeDirectory top = TreeDirectory.top(descriptors, files);
      whiteouts.work.run(() -> whiteouts.enter(top));
    }
    return whiteouts.hasRemoved;
  }

  private void enter(TreeDirectory directory) throws ErrnoException {
    Fd fd = directory.enter();
    for (LinuxPath attribute : Xattr.flistxattr(fd)) {
      if (OPAQUE_MARKS.contains(attribute)) {
        disk.removeXattr(fd, attribute);
        hasRemoved = true;
      }
    }
    walk(directory, fd, Stat.statx(fd));
  }

  private void walk(TreeDirectory directory, Fd fd, FileStatus status) throws ErrnoException {
    TreeBatch batch = TreeBatch.read(fd);
    if (!batch.isLast()) {
      work.fork(() -> walk(directory, fd, status));
    }
    List<LinuxPath> whiteouts =
        batch.entries().stream()
            .filter(entry -> mayBeWhiteout(entry.type()))
            .map(DirectoryEntry::name)
            .toList();
    removeWhiteouts(fd, status, whiteouts);
    for (DirectoryEntry entry : batch.entries()) {
      if (isDirectory(fd, entry)) {
        TreeDirectory child = directory.child(entry.name());
        work.fork(() -> enter(child));
      }
    }
    if (batch.isLast()) {
      directory.leave();
    }
  }

  private void removeWhiteouts(Fd fd, FileStatus status, List<LinuxPath> names)
      throws ErrnoException {
    boolean removed = false;
    for (LinuxPath name : names) {
      FileStatus file = Stat.statx(fd, name, AtFlag.SYMLINK_NOFOLLOW);
      if (file.type() == NodeType.CHARACTER_DEVICE
          && file.rdevMajor() == 0
          && file.rdevMinor() == 0) {
        disk.removeFile(fd, name);
        removed = true;
      }
    }
    if (removed) {
      hasRemoved = true;
      // The time comes from the layer, to which the removal does not belong.
      disk.setTimes(fd, status.accessed(), status.modified());
    }
  }

  private static boolean mayBeWhiteout(NodeType type) {
    return type == NodeType.CHARACTER_DEVICE || type == NodeType.UNKNOWN;
  }

  private static boolean isDirectory(Fd fd, DirectoryEntry entry) throws ErrnoException {
    return entry.type() == NodeType.DIRECTORY
        || (entry.type() == NodeType.UNKNOWN
            && Stat.tryStatx(fd, entry.name(), AtFlag.SYMLINK_NOFOLLOW)
                .filter(status -> status.type() == NodeType.DIRECTORY)
                .isPresent());
  }
}
