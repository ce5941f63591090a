package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.layer.tar.TarXattr;
import io.gatun.snapshot.root.Disk;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Sets the attributes of new entries in this order: owner, extended attributes, mode, times.
 * Changing the owner clears the set-user-id and set-group-id bits and {@code security.capability}
 * (chown(2)), and an access control list changes the mode.
 *
 * <p>Shares no state with the writer, so another thread can use it.
 */
final class EntryAttributes {

  private static final byte[] USER = "user.".getBytes(StandardCharsets.US_ASCII);

  private final Disk disk;
  private final Ownership ownership;

  EntryAttributes(Disk disk, Ownership ownership) {
    this.disk = disk;
    this.ownership = ownership;
  }

  /** Sets the attributes of a new file that has its content. */
  void finishFile(Fd file, LayerAttributes attributes, boolean isInPlain) throws ErrnoException {
    setAllButTimes(file, attributes, isInPlain);
    disk.setTimes(file, attributes.accessed(), attributes.modified());
  }

  /** Sets the attributes of a new directory, except its times, which will still change. */
  void beginDirectory(Fd directory, LayerAttributes attributes, boolean isInPlain)
      throws ErrnoException {
    setAllButTimes(directory, attributes, isInPlain);
  }

  /** Sets the attributes of an existing directory, except its times. */
  void mergeDirectory(Fd directory, LayerAttributes attributes) throws ErrnoException {
    setAllButTimes(directory, attributes, false);
  }

  private void setAllButTimes(Fd file, LayerAttributes attributes, boolean isAsMade)
      throws ErrnoException {
    if (!isAsMade || !ownership.isOwner(attributes)) {
      disk.setOwner(file, attributes.uid(), attributes.gid());
    }
    for (TarXattr xattr : attributes.xattrs()) {
      try {
        disk.setXattr(file, xattr.name(), xattr.value());
      } catch (ErrnoException e) {
        if (!e.is(Errno.EOPNOTSUPP)) {
          throw e;
        }
      }
    }
    if (!isAsMade
        || !attributes.xattrs().isEmpty()
        || !ownership.isInitialMode(attributes.mode())) {
      disk.setMode(file, attributes.mode());
    }
  }

  /** Sets the attributes of a new link, device or FIFO, none of which is ever opened. */
  void finishNode(OpenDirectory parent, LinuxPath name, NodeType type, LayerAttributes attributes)
      throws ErrnoException {
    if (!parent.isPlain() || !ownership.isOwner(attributes)) {
      disk.setOwner(parent.fd(), name, attributes.uid(), attributes.gid());
    }
    setXattrs(parent, name, type, attributes);
    boolean isModeSet =
        parent.isPlain()
            && attributes.xattrs().isEmpty()
            && ownership.isInitialMode(attributes.mode());
    if (type != NodeType.SYMBOLIC_LINK && !isModeSet) {
      disk.setMode(parent.fd(), name, attributes.mode());
    }
    disk.setTimes(parent.fd(), name, attributes.accessed(), attributes.modified());
  }

  /**
   * Sets the attributes of a file that got another name. All of them are set, because chown(2)
   * clears some that the entry does not mention. A symbolic link has no mode, and is not followed
   * to a file that has one (CVE-2021-32760).
   *
   * @return the status before
   */
  FileStatus finishHardLink(OpenDirectory parent, LinuxPath name, LayerAttributes attributes)
      throws ErrnoException {
    FileStatus status = Stat.statx(parent.fd(), name, AtFlag.SYMLINK_NOFOLLOW);
    disk.setOwner(parent.fd(), name, attributes.uid(), attributes.gid());
    setXattrs(parent, name, status.type(), attributes);
    if (status.type() != NodeType.SYMBOLIC_LINK) {
      disk.setMode(parent.fd(), name, attributes.mode());
    }
    disk.setTimes(parent.fd(), name, attributes.accessed(), attributes.modified());
    return status;
  }

  private void setXattrs(
      OpenDirectory parent, LinuxPath name, NodeType type, LayerAttributes attributes)
      throws ErrnoException {
    for (TarXattr xattr : attributes.xattrs()) {
      try {
        disk.setXattr(parent.fd(), name, xattr.name(), xattr.value());
      } catch (ErrnoException e) {
        boolean isImpossible = e.is(Errno.EPERM) && type != NodeType.REGULAR && isUser(xattr);
        if (!isImpossible && !e.is(Errno.EOPNOTSUPP)) {
          throw e;
        }
      }
    }
  }

  /** Only files and directories can have user attributes: xattr(7). */
  private static boolean isUser(TarXattr xattr) {
    byte[] name = xattr.name().bytes();
    return name.length >= USER.length && Arrays.equals(name, 0, USER.length, USER, 0, USER.length);
  }
}
