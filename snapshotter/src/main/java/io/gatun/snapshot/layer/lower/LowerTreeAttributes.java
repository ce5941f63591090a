package io.gatun.snapshot.layer.lower;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.root.Disk;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Looks up directories in the lower layers. Implicit directories need their attributes, because
 * overlayfs ignores those of lower layers once an upper one has the directory. A tree may be a
 * directory or a mounted index.
 */
public final class LowerTreeAttributes implements LowerAttributes {

  private static final LinuxPath TRUSTED = LinuxPath.of("trusted.");

  /** containerd copies these, but an overlay mounted with userxattr would take them for its own. */
  private static final LinuxPath OVERLAY = LinuxPath.of("user.overlay.");

  /** Reads from a lower directory. */
  @FunctionalInterface
  private interface Reader<T> {
    T read(Fd directory) throws ErrnoException;
  }

  private final List<LinuxPath> tops;

  /**
   * @param tops absolute paths of the lower layers' trees, nearest first
   */
  public LowerTreeAttributes(List<LinuxPath> tops) {
    this.tops = List.copyOf(tops);
  }

  @Override
  public Optional<InheritedAttributes> of(LinuxPath path) throws ErrnoException {
    return read(
        path,
        directory -> {
          FileStatus status = Stat.statx(directory);
          return new InheritedAttributes(
              status.mode(), status.uid(), status.gid(), status.modified(), xattrs(directory));
        });
  }

  /**
   * {@return the attributes of the layer's root: the owner of the one below, as with the drivers,
   * and otherwise the defaults}
   */
  public InheritedAttributes ofTop() throws ErrnoException {
    InheritedAttributes alone = InheritedAttributes.ofTop();
    if (tops.isEmpty()) {
      return alone;
    }
    FileStatus owner = statusOfTop();
    return new InheritedAttributes(
        alone.mode(), owner.uid(), owner.gid(), new Timespec(0, 0), Map.of());
  }

  /** {@return the root of the nearest lower layer} */
  FileStatus statusOfTop() throws ErrnoException {
    try (Fd below = openTop(tops.getFirst())) {
      return Stat.statx(below);
    }
  }

  /**
   * Gives a new directory the attributes of the nearest lower one of its path; does nothing if
   * there is none or a nearer layer has another type of file there.
   *
   * @return the lower directory's status, with the times to set at the end
   */
  public Optional<FileStatus> inherit(Disk disk, Fd directory, LinuxPath path)
      throws ErrnoException {
    return read(
        path,
        source -> {
          FileStatus status = Stat.statx(source);
          disk.setOwner(directory, status.uid(), status.gid());
          disk.setMode(directory, status.mode());
          copyXattrs(disk, source, directory);
          return status;
        });
  }

  /** Like {@link #inherit}, but for extended attributes only. */
  void inheritXattrs(Disk disk, Fd directory, LinuxPath path) throws ErrnoException {
    Optional<Fd> found = find(path);
    if (found.isPresent()) {
      try (Fd source = found.get()) {
        copyXattrs(disk, source, directory);
      }
    }
  }

  /** {@return the directory from which one at this path inherits} */
  Optional<FileStatus> status(LinuxPath path) throws ErrnoException {
    return read(path, Stat::statx);
  }

  /** {@return whether that directory affects what is later created in it (acl(5))} */
  boolean haveDefaultAcl(LinuxPath path) throws ErrnoException {
    return read(path, source -> Xattr.flistxattr(source).contains(Ownership.DEFAULT_ACL))
        .orElse(false);
  }

  private <T> Optional<T> read(LinuxPath path, Reader<T> reader) throws ErrnoException {
    Optional<Fd> found = find(path);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    try (Fd directory = found.get()) {
      return Optional.of(reader.read(directory));
    }
  }

  /**
   * {@return the nearest directory of a path, open; empty if there is none, or if a nearer layer
   * has a non-directory or a link loop there}
   *
   * @throws SnapshotException.StorageFailure if a layer is missing, for example because its mount
   *     is gone: that must not look like a layer without the path
   */
  Optional<Fd> find(LinuxPath path) throws ErrnoException {
    for (LinuxPath lower : tops) {
      try (Fd top = openTop(lower)) {
        return Optional.of(open(top, path));
      } catch (ErrnoException e) {
        if (e.is(Errno.ENOTDIR) || e.is(Errno.ELOOP)) {
          return Optional.empty();
        }
        if (!e.is(Errno.ENOENT)) {
          throw e;
        }
      }
    }
    return Optional.empty();
  }

  private static Fd openTop(LinuxPath lower) throws ErrnoException {
    try {
      return SecureOpen.openTop(lower);
    } catch (ErrnoException e) {
      if (SecureOpen.isElsewhere(e)) {
        throw new SnapshotException.StorageFailure(
            "the lower layer at %s is missing or not mounted: %s".formatted(lower, e.getMessage()),
            e);
      }
      throw e;
    }
  }

  private static Fd open(Fd top, LinuxPath path) throws ErrnoException {
    try {
      return SecureOpen.open(top, path);
    } catch (ErrnoException e) {
      if (!SecureOpen.isElsewhere(e) || e.is(Errno.ENOENT)) {
        throw e;
      }
      return SecureOpen.open(top, LinkResolver.resolve(top, path));
    }
  }

  /** Attributes that the directory has already, for example from a security module, stay. */
  private static void copyXattrs(Disk disk, Fd source, Fd directory) throws ErrnoException {
    for (Map.Entry<LinuxPath, byte[]> xattr : xattrs(source).entrySet()) {
      if (Xattr.fgetxattr(directory, xattr.getKey()).isEmpty()) {
        try {
          disk.setXattr(directory, xattr.getKey(), xattr.getValue());
        } catch (ErrnoException e) {
          if (!e.is(Errno.EOPNOTSUPP)) {
            throw e;
          }
        }
      }
    }
  }

  /** {@return the extended attributes that implicit directories inherit} */
  private static Map<LinuxPath, byte[]> xattrs(Fd directory) throws ErrnoException {
    Map<LinuxPath, byte[]> inherited = new HashMap<>();
    for (LinuxPath name : Xattr.flistxattr(directory)) {
      if (!name.hasPrefix(TRUSTED) && !name.hasPrefix(OVERLAY)) {
        Xattr.fgetxattr(directory, name).ifPresent(value -> inherited.put(name, value));
      }
    }
    return inherited;
  }
}
