package io.gatun.snapshot.layer.entry;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarEntry;
import io.gatun.snapshot.layer.tar.TarXattr;
import java.util.ArrayList;
import java.util.List;

/**
 * Decides which extended attributes a layer may set. Drops overlayfs's own, with which an image
 * could control how the kernel combines its layers, and other trusted ones, as containerd does.
 * Counts both.
 */
final class XattrRules {

  /** Kernel limits: XATTR_NAME_MAX and XATTR_SIZE_MAX of linux/limits.h. */
  private static final int NAME_BYTES_MAX = 255;

  private static final int VALUE_BYTES_MAX = 65_536;

  private static final LinuxPath TRUSTED = LinuxPath.of("trusted.");
  private static final LinuxPath OVERLAY_TRUSTED = LinuxPath.of("trusted.overlay.");
  private static final LinuxPath OVERLAY_USER = LinuxPath.of("user.overlay.");

  private long overlayDropped;
  private long trustedDropped;

  List<TarXattr> allowed(TarEntry entry) throws InvalidLayerException {
    List<TarXattr> all = entry.xattrs();
    if (all.isEmpty()) {
      return all;
    }
    List<TarXattr> allowed = new ArrayList<>(all.size());
    for (TarXattr xattr : all) {
      LinuxPath name = xattr.name();
      if (name.hasPrefix(OVERLAY_TRUSTED) || name.hasPrefix(OVERLAY_USER)) {
        overlayDropped++;
      } else if (name.hasPrefix(TRUSTED)) {
        trustedDropped++;
      } else if (name.isEmpty()
          || name.length() > NAME_BYTES_MAX
          || xattr.value().length > VALUE_BYTES_MAX) {
        throw new InvalidLayerException(
            "%s has an extended attribute with a name of %d and a value of %d bytes"
                .formatted(entry.description(), name.length(), xattr.value().length));
      } else {
        allowed.add(xattr);
      }
    }
    return List.copyOf(allowed);
  }

  long overlayDropped() {
    return overlayDropped;
  }

  long trustedDropped() {
    return trustedDropped;
  }
}
