package io.gatun.snapshot.layer.entry;

import io.gatun.linux.LinuxPath;

/**
 * The names of whiteouts (OCI image specification, layer.md): {@code .wh.NAME} hides {@code NAME},
 * and {@code .wh..wh..opq} hides the content of its directory. Only the last component of a path
 * can be such a name.
 */
final class WhiteoutName {

  private static final LinuxPath PREFIX = LinuxPath.of(".wh.");
  private static final LinuxPath OPAQUE = LinuxPath.of(".wh..wh..opq");
  private static final LinuxPath SELF = LinuxPath.of(".");
  private static final LinuxPath ABOVE = LinuxPath.of("..");

  private WhiteoutName() {}

  static boolean isOpaque(LinuxPath name) {
    return name.equals(OPAQUE);
  }

  static boolean isWhiteout(LinuxPath name) {
    return name.hasPrefix(PREFIX);
  }

  static LinuxPath hidden(LinuxPath whiteout) {
    return whiteout.slice(PREFIX.length(), whiteout.length());
  }

  /** {@return whether it is a name in the directory, not the directory itself or its parent} */
  static boolean isInside(LinuxPath hidden) {
    return !hidden.isEmpty() && !hidden.equals(SELF) && !hidden.equals(ABOVE);
  }
}
