package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.NodeType;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.layer.tar.TarXattr;
import io.gatun.snapshot.root.Disk;

/**
 * Sets the attributes of new entries in this order: owner, extended attributes, mode, times.
 * Changing the owner clears the set-user-id and set-group-id bits and {@code security.capability}
 * (chown(2)), and an access control list changes the mode.
 *
 * <p>Shares no state with the writer, so another thread can use it.
 */
final class EntryAttributes {

  private static final LinuxPath USER = LinuxPath.of("user.");

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

  /**
   * Sets the attributes of a file or directory, except the times: those of a directory will still
   * change.
   *
   * @param isAsMade whether it is new and in a {@link Ownership#isPlain plain} directory
   */
  void setAllButTimes(Fd file, LayerAttributes attributes, boolean isAsMade) throws ErrnoException {
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
    if (!isAsMade || !hasModeAsMade(attributes)) {
      disk.setMode(file, attributes.mode());
    }
  }

  /**
   * Sets the attributes of a link, device or FIFO, or of a file that got another name; none of them
   * is ever opened. A symbolic link has no mode, and is not followed to a file that has one
   * (CVE-2021-32760).
   *
   * @param isAsMade whether it is new and in a {@link Ownership#isPlain plain} directory
   */
  void finishNode(
      Fd parent, LinuxPath name, NodeType type, LayerAttributes attributes, boolean isAsMade)
      throws ErrnoException {
    if (!isAsMade || !ownership.isOwner(attributes)) {
      disk.setOwner(parent, name, attributes.uid(), attributes.gid());
    }
    setXattrs(parent, name, type, attributes);
    if (type != NodeType.SYMBOLIC_LINK && !(isAsMade && hasModeAsMade(attributes))) {
      disk.setMode(parent, name, attributes.mode());
    }
    disk.setTimes(parent, name, attributes.accessed(), attributes.modified());
  }

  private boolean hasModeAsMade(LayerAttributes attributes) {
    return attributes.xattrs().isEmpty() && ownership.isInitialMode(attributes.mode());
  }

  private void setXattrs(Fd parent, LinuxPath name, NodeType type, LayerAttributes attributes)
      throws ErrnoException {
    for (TarXattr xattr : attributes.xattrs()) {
      try {
        disk.setXattr(parent, name, xattr.name(), xattr.value());
      } catch (ErrnoException e) {
        // Only files and directories can have user attributes: xattr(7).
        boolean isImpossible =
            e.is(Errno.EPERM) && type != NodeType.REGULAR && xattr.name().hasPrefix(USER);
        if (!isImpossible && !e.is(Errno.EOPNOTSUPP)) {
          throw e;
        }
      }
    }
  }
}
