package io.gatun.snapshot.apply.tree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
import io.gatun.linux.Xattr;
import io.gatun.snapshot.disk.Disk;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The directories of the layers below, from which those that a layer needs and does not name get
 * their attributes: once they are in a layer of an overlay, those below are no longer asked.
 */
final class LowerDirectories {

  private static final byte[] TRUSTED = ascii("trusted.");

  /** containerd copies these, which for an overlay mounted with userxattr would be its own. */
  private static final byte[] OVERLAY = ascii("user.overlay.");

  private final Disk disk;
  private final List<LinuxPath> lowers;

  LowerDirectories(Disk disk, List<LinuxPath> lowers) {
    this.disk = disk;
    this.lowers = lowers;
  }

  /**
   * Gives a new directory the attributes of the nearest one below with the same path; nothing if
   * there is none, or if something else has its path in a nearer layer.
   *
   * @return what the one below is, whose times are to be set at the end
   */
  Optional<FileStatus> inherit(Fd directory, LinuxPath path) throws ErrnoException {
    Optional<Fd> found = find(path);
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

  /** As {@link #inherit}, but no more than the attributes that have names. */
  void inheritXattrs(Fd directory, LinuxPath path) throws ErrnoException {
    Optional<Fd> found = find(path);
    if (found.isPresent()) {
      try (Fd source = found.get()) {
        copyXattrs(source, directory);
      }
    }
  }

  /** {@return whether there is a directory from which one with this path gets its attributes} */
  boolean contain(LinuxPath path) throws ErrnoException {
    Optional<Fd> found = find(path);
    found.ifPresent(Fd::close);
    return found.isPresent();
  }

  private Optional<Fd> find(LinuxPath path) throws ErrnoException {
    for (LinuxPath lower : lowers) {
      try (Fd top = Confinement.openTop(lower)) {
        return Optional.of(open(top, path));
      } catch (ErrnoException e) {
        if (e.is(Errno.ENOTDIR)) {
          return Optional.empty();
        }
        if (!Confinement.isMissing(e)) {
          throw e;
        }
      }
    }
    return Optional.empty();
  }

  private static Fd open(Fd top, LinuxPath path) throws ErrnoException {
    try {
      return Confinement.open(top, path);
    } catch (ErrnoException e) {
      if (!Confinement.isElsewhere(e) || Confinement.isMissing(e)) {
        throw e;
      }
      return Confinement.open(top, LinkResolver.resolve(top, path));
    }
  }

  private void copyXattrs(Fd source, Fd directory) throws ErrnoException {
    for (LinuxPath attribute : Xattr.flistxattr(source)) {
      if (!startsWith(attribute, TRUSTED) && !startsWith(attribute, OVERLAY)) {
        copy(source, directory, attribute);
      }
    }
  }

  /** What the directory has got already, from a security module for example, stays. */
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

  private static boolean startsWith(LinuxPath attribute, byte[] prefix) {
    byte[] name = attribute.bytes();
    return name.length >= prefix.length
        && Arrays.equals(name, 0, prefix.length, prefix, 0, prefix.length);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
