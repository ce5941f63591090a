package io.gatun.snapshot.diff;

import io.gatun.linux.LinuxPath;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * Which extended attributes belong to a layer: capabilities, access control lists, and those that
 * users set. Labels and hashes of security modules are this machine's; trusted attributes are left
 * out by all that unpack layers; and the overlay filesystem's are its own.
 */
final class LayerXattrs {

  private static final byte[] USER = ascii("user.");
  private static final byte[] OVERLAY_USER = ascii("user.overlay.");
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
    byte[] bytes = name.bytes();
    if (!startsWith(bytes, USER) || startsWith(bytes, OVERLAY_USER)) {
      return false;
    }
    for (byte each : bytes) {
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

  private static boolean startsWith(byte[] bytes, byte[] prefix) {
    if (bytes.length < prefix.length) {
      return false;
    }
    for (int i = 0; i < prefix.length; i++) {
      if (bytes[i] != prefix[i]) {
        return false;
      }
    }
    return true;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
