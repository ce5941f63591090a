package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Xattr;
import io.gatun.snapshot.SnapshotException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The trees of the layers below, in which those directories are looked up that a layer needs and
 * does not name: once they are in a layer of an overlay, those below are no longer asked. Whether a
 * tree is a directory or a mounted index does not matter.
 */
final class LowerLayers {

  private static final byte[] TRUSTED = ascii("trusted.");

  /** containerd copies these, which for an overlay mounted with userxattr would be its own. */
  private static final byte[] OVERLAY = ascii("user.overlay.");

  private final List<LinuxPath> tops;

  /**
   * @param tops nearest first
   */
  LowerLayers(List<LinuxPath> tops) {
    this.tops = List.copyOf(tops);
  }

  /**
   * {@return the nearest directory with a path, open; nothing if there is none, or if something
   * else has its path in a nearer layer, be it a link that leads in a circle}
   *
   * @throws SnapshotException.StorageFailure if a layer is not there, as its mount can be gone:
   *     that is no layer without the path, and not the fault of the one that asks for it
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
   * {@return the top of a layer below, which is trusted to be where its path says}
   *
   * @throws SnapshotException.StorageFailure if it is not there
   */
  static Fd openTop(LinuxPath lower) throws ErrnoException {
    try {
      return SecureOpen.openTop(lower);
    } catch (ErrnoException e) {
      if (SecureOpen.isElsewhere(e)) {
        throw new SnapshotException.StorageFailure(
            "the layer below at %s is missing or not mounted: %s".formatted(lower, e.getMessage()),
            e);
      }
      throw e;
    }
  }

  /**
   * What a tree has at a path.
   *
   * @param directory nothing if it is something else
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

  /** {@return the names of the attributes that others inherit from a directory} */
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
