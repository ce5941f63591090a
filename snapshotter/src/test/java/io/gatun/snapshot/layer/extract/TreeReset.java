package io.gatun.snapshot.layer.extract;

import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
import io.gatun.linux.Xattr;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.root.Disk;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The way back to an empty directory of files, as it was before a layer was written there: what is
 * in it is deleted, and the directory itself gets back the attributes that it had.
 *
 * <p>A copy of a parent does not come back by this, since a layer deletes in it: who undoes a layer
 * in one makes it anew in the directory that this leaves empty.
 */
final class TreeReset {

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
   * {@return the way back to what a directory is now}
   *
   * @param files the top of a snapshot's files
   */
  static TreeReset to(Disk disk, LinuxPath files) throws ErrnoException {
    try (Fd top = SecureOpen.openTop(files)) {
      return new TreeReset(disk, files, Stat.statx(top), xattrs(top));
    }
  }

  /** Goes back; harmless to repeat, also after a failure. */
  void run() throws ErrnoException {
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
