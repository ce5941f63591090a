package io.gatun.snapshot.layer.pack;

import io.gatun.linux.LinuxPath;
import java.util.Set;

/**
 * Which extended attributes belong to a layer: capabilities, access control lists, and those that
 * users set. Labels and hashes of security modules are this machine's; trusted attributes are left
 * out by all that unpack layers; and the overlay filesystem's are its own.
 */
final class LayerXattrs {

  private static final LinuxPath USER = LinuxPath.of("user.");
  private static final LinuxPath OVERLAY_USER = LinuxPath.of("user.overlay.");
  private static final Set<LinuxPath> OTHERS =
      Set.of(
          LinuxPath.of("security.capability"),
          LinuxPath.of("system.posix_acl_access"),
          LinuxPath.of("system.posix_acl_default"));

  private long leftOut;

  boolean isOfLayer(LinuxPath name) {
    if (OTHERS.contains(name)) {
      return true;
    }
    if (!name.hasPrefix(USER) || name.hasPrefix(OVERLAY_USER)) {
      return false;
    }
    for (byte each : name.bytes()) {
      if (each == '=') {
        // Where the key of a record ends.
        leftOut++;
        return false;
      }
    }
    return true;
  }

  /** {@return how many that belong to it cannot be expressed} */
  long leftOut() {
    return leftOut;
  }
}
