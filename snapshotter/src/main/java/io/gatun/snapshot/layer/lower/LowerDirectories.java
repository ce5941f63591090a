package io.gatun.snapshot.layer.lower;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.root.Disk;
import java.util.List;
import java.util.Optional;

/** Copies the attributes of lower directories to implicit directories. */
public final class LowerDirectories {

  private final Disk disk;
  private final LowerLayers lowers;

  public LowerDirectories(Disk disk, List<LinuxPath> lowers) {
    this.disk = disk;
    this.lowers = new LowerLayers(lowers);
  }

  /**
   * Gives a new directory the attributes of the nearest lower one of its path; does nothing if
   * there is none or a nearer layer has another type of file there.
   *
   * @return the lower directory's status, with the times to set at the end
   */
  public Optional<FileStatus> inherit(Fd directory, LinuxPath path) throws ErrnoException {
    Optional<Fd> found = lowers.find(path);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    try (Fd source = found.get()) {
      FileStatus status = Stat.statx(source);
      disk.setOwner(directory, status.uid(), status.gid());
      disk.setMode(directory, status.mode());
      copyXattrs(source, directory);
      return Optional.of(status);
    }
  }

  /** Like {@link #inherit}, but for extended attributes only. */
  void inheritXattrs(Fd directory, LinuxPath path) throws ErrnoException {
    Optional<Fd> found = lowers.find(path);
    if (found.isPresent()) {
      try (Fd source = found.get()) {
        copyXattrs(source, directory);
      }
    }
  }

  /** {@return the directory from which one at this path inherits} */
  Optional<FileStatus> status(LinuxPath path) throws ErrnoException {
    Optional<Fd> found = lowers.find(path);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    try (Fd source = found.get()) {
      return Optional.of(Stat.statx(source));
    }
  }

  /** {@return whether there is a directory from which one at this path inherits} */
  boolean contain(LinuxPath path) throws ErrnoException {
    Optional<Fd> found = lowers.find(path);
    found.ifPresent(Fd::close);
    return found.isPresent();
  }

  /** {@return whether that directory affects what is later created in it (acl(5))} */
  boolean haveDefaultAcl(LinuxPath path) throws ErrnoException {
    Optional<Fd> found = lowers.find(path);
    if (found.isEmpty()) {
      return false;
    }
    try (Fd source = found.get()) {
      return Xattr.flistxattr(source).contains(Ownership.DEFAULT_ACL);
    }
  }

  private void copyXattrs(Fd source, Fd directory) throws ErrnoException {
    for (LinuxPath attribute : LowerLayers.inheritedXattrs(source)) {
      copy(source, directory, attribute);
    }
  }

  /** Attributes that the directory has already, for example from a security module, stay. */
  private void copy(Fd source, Fd directory, LinuxPath attribute) throws ErrnoException {
    Optional<byte[]> value = Xattr.fgetxattr(source, attribute);
    if (value.isPresent() && Xattr.fgetxattr(directory, attribute).isEmpty()) {
      try {
        disk.setXattr(directory, attribute, value.get());
      } catch (ErrnoException e) {
        if (!e.is(Errno.EOPNOTSUPP)) {
          throw e;
        }
      }
    }
  }
}
