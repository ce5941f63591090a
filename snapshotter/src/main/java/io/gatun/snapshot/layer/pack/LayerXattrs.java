package io.gatun.snapshot.layer.pack;

import io.gatun.linux.LinuxPath;
import java.util.Set;

/**
 * Decides which extended attributes belong to a layer: capabilities, access control lists and user
 * attributes. Labels and hashes of security modules belong to this machine, differs drop trusted
 * attributes, and overlayfs's are its own.
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
        // The first one ends the key of a record.
        leftOut++;
        return false;
      }
    }
    return true;
  }

  long leftOut() {
    return leftOut;
  }
}
