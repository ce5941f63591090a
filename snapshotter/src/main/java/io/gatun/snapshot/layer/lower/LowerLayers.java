package io.gatun.snapshot.layer.lower;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.SnapshotException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Looks up directories in the lower layers. Implicit directories need their attributes, because
 * overlayfs ignores those of lower layers once an upper one has the directory. A tree may be a
 * directory or a mounted index.
 */
final class LowerLayers {

  private static final byte[] TRUSTED = ascii("trusted.");

  /** containerd copies these, but an overlay mounted with userxattr would take them for its own. */
  private static final byte[] OVERLAY = ascii("user.overlay.");

  private final List<LinuxPath> tops;

  /**
   * @param tops nearest first
   */
  LowerLayers(List<LinuxPath> tops) {
    this.tops = List.copyOf(tops);
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
        Optional<Place> place = place(top, path);
        if (place.isPresent()) {
          return place.get().directory();
        }
      }
    }
    return Optional.empty();
  }

  /**
   * {@return the root of a lower layer, whose path is trusted}
   *
   * @throws SnapshotException.StorageFailure if it is missing
   */
  static Fd openTop(LinuxPath lower) throws ErrnoException {
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

  /**
   * What a tree has at a path.
   *
   * @param directory empty for a non-directory
   */
  private record Place(Optional<Fd> directory) {}

  private static Optional<Place> place(Fd top, LinuxPath path) throws ErrnoException {
    try {
      return Optional.of(new Place(Optional.of(open(top, path))));
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOTDIR) || e.is(Errno.ELOOP)) {
        return Optional.of(new Place(Optional.empty()));
      }
      if (SecureOpen.isMissing(e)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private static Fd open(Fd top, LinuxPath path) throws ErrnoException {
    try {
      return SecureOpen.open(top, path);
    } catch (ErrnoException e) {
      if (!SecureOpen.isElsewhere(e) || SecureOpen.isMissing(e)) {
        throw e;
      }
      return SecureOpen.open(top, LinkResolver.resolve(top, path));
    }
  }

  /** {@return the names of the extended attributes that implicit directories inherit} */
  static List<LinuxPath> inheritedXattrs(Fd directory) throws ErrnoException {
    List<LinuxPath> inherited = new ArrayList<>();
    for (LinuxPath attribute : Xattr.flistxattr(directory)) {
      if (!startsWith(attribute, TRUSTED) && !startsWith(attribute, OVERLAY)) {
        inherited.add(attribute);
      }
    }
    return inherited;
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
