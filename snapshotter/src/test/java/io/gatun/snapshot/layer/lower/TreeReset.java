package io.gatun.snapshot.layer.lower;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.root.Disk;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Restores an empty files directory to its state before a layer was extracted: deletes its content
 * and restores its attributes.
 *
 * <p>Cannot restore a copy of a parent, in which a layer deletes files: the caller has to copy
 * again into the empty directory.
 */
public final class TreeReset {

  private final Disk disk;
  private final LinuxPath files;
  private final FileStatus status;
  private final Map<LinuxPath, byte[]> xattrs;

  private TreeReset(Disk disk, LinuxPath files, FileStatus status, Map<LinuxPath, byte[]> xattrs) {
    this.disk = disk;
    this.files = files;
    this.status = status;
    this.xattrs = xattrs;
  }

  /**
   * {@return a reset to the current state of a directory}
   *
   * @param files the root directory of a snapshot's files
   */
  public static TreeReset to(Disk disk, LinuxPath files) throws ErrnoException {
    try (Fd top = SecureOpen.openTop(files)) {
      return new TreeReset(disk, files, Stat.statx(top), xattrs(top));
    }
  }

  /** Resets the directory; can be repeated, also after a failure. */
  public void run() throws ErrnoException {
    try (Fd top = SecureOpen.openTop(files)) {
      List<DirectoryEntry> entries = new DirectoryReader().all(top);
      for (DirectoryEntry entry : entries) {
        TreeDeletion.delete(disk, top, entry.name());
      }
      disk.setOwner(top, status.uid(), status.gid());
      restoreXattrs(top);
      disk.setMode(top, status.mode());
      disk.setTimes(top, status.accessed(), status.modified());
    }
  }

  private void restoreXattrs(Fd top) throws ErrnoException {
    Map<LinuxPath, byte[]> present = xattrs(top);
    for (LinuxPath attribute : present.keySet()) {
      if (!xattrs.containsKey(attribute)) {
        disk.removeXattr(top, attribute);
      }
    }
    for (Map.Entry<LinuxPath, byte[]> each : xattrs.entrySet()) {
      if (!Arrays.equals(each.getValue(), present.get(each.getKey()))) {
        disk.setXattr(top, each.getKey(), each.getValue());
      }
    }
  }

  private static Map<LinuxPath, byte[]> xattrs(Fd file) throws ErrnoException {
    Map<LinuxPath, byte[]> values = new HashMap<>();
    for (LinuxPath attribute : Xattr.flistxattr(file)) {
      Optional<byte[]> value = Xattr.fgetxattr(file, attribute);
      value.ifPresent(bytes -> values.put(attribute, bytes));
    }
    return values;
  }
}
