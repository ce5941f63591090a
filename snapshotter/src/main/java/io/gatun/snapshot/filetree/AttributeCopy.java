package io.gatun.snapshot.filetree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.root.Disk;
import java.util.Optional;

/**
 * Copies attributes to new files, and skips each call that would change nothing.
 *
 * <p>The order is: owner, mode, extended attributes, times. Changing the owner clears the
 * set-user-id and set-group-id bits and {@code security.capability} (chown(2)). Setting an access
 * control list changes the mode to that of the original.
 */
final class AttributeCopy {

  private static final int PERMISSIONS = 0777;

  private static final LinuxPath SECURITY = LinuxPath.of("security.");
  private static final LinuxPath CAPABILITY = LinuxPath.of("security.capability");

  private final Disk disk;
  private final int newUid;
  private final int newGid;
  private final int umask;

  /**
   * @param newUid the owner of new files
   * @param newGid the group of new files
   * @param umask the bits cleared in the mode of new files
   */
  AttributeCopy(Disk disk, int newUid, int newGid, int umask) {
    this.disk = disk;
    this.newUid = newUid;
    this.newGid = newGid;
    this.umask = umask;
  }

  /**
   * {@return the mode to create a copy with}
   *
   * <p>A directory gets its set-group-id bit at the end, because new entries would inherit its
   * group.
   */
  static int creationMode(FileStatus status) {
    return status.mode() & PERMISSIONS;
  }

  /** Finishes an open copy: a file, or a directory whose entries are complete. */
  void finish(Fd source, FileStatus status, Fd target) throws ErrnoException {
    finish(source, status, target, initialMode(status));
  }

  /** Like {@link #finish(Fd, FileStatus, Fd)}, for a target created with another mode. */
  void finish(Fd source, FileStatus status, Fd target, int initialMode) throws ErrnoException {
    if (needsOwner(status)) {
      disk.setOwner(target, status.uid(), status.gid());
    }
    if (status.mode() != initialMode) {
      disk.setMode(target, status.mode());
    }
    for (LinuxPath attribute : Xattr.flistxattr(source)) {
      Optional<byte[]> value = Xattr.fgetxattr(source, attribute);
      if (value.isPresent()) {
        setXattr(target, attribute, value.get());
      }
    }
    disk.setTimes(target, status.accessed(), status.modified());
  }

  /** Finishes a copy that cannot be opened: a symbolic link, device or named pipe. */
  void finish(Fd sourceParent, Fd targetParent, LinuxPath name, FileStatus status)
      throws ErrnoException {
    if (needsOwner(status)) {
      disk.setOwner(targetParent, name, status.uid(), status.gid());
    }
    if (status.type() != NodeType.SYMBOLIC_LINK && status.mode() != initialMode(status)) {
      disk.setMode(targetParent, name, status.mode());
    }
    for (LinuxPath attribute : Xattr.llistxattr(sourceParent, name)) {
      Optional<byte[]> value = Xattr.lgetxattr(sourceParent, name, attribute);
      if (value.isPresent()) {
        setXattr(targetParent, name, attribute, value.get());
      }
    }
    disk.setTimes(targetParent, name, status.accessed(), status.modified());
  }

  private boolean needsOwner(FileStatus status) {
    return status.uid() != newUid || status.gid() != newGid;
  }

  /** {@return the mode of a copy after its creation with {@link #creationMode}} */
  int initialMode(FileStatus status) {
    return creationMode(status) & ~umask;
  }

  private void setXattr(Fd target, LinuxPath attribute, byte[] value) throws ErrnoException {
    try {
      disk.setXattr(target, attribute, value);
    } catch (ErrnoException e) {
      tolerate(attribute, e);
    }
  }

  private void setXattr(Fd parent, LinuxPath name, LinuxPath attribute, byte[] value)
      throws ErrnoException {
    try {
      disk.setXattr(parent, name, attribute, value);
    } catch (ErrnoException e) {
      tolerate(attribute, e);
    }
  }

  /**
   * Ignores a refusal by a security module, which controls its own attributes (xattr(7)) and labels
   * new files itself. Capabilities must be copied.
   */
  private static void tolerate(LinuxPath attribute, ErrnoException failure) throws ErrnoException {
    boolean refused =
        failure.is(Errno.EPERM) || failure.is(Errno.EACCES) || failure.is(Errno.EOPNOTSUPP);
    if (!refused || !attribute.hasPrefix(SECURITY) || attribute.equals(CAPABILITY)) {
      throw failure;
    }
  }
}
