package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;

/**
 * The names by which a layer says that something is gone (OCI image specification, layer.md):
 * {@code .wh.NAME} hides {@code NAME}, and {@code .wh..wh..opq} hides what is in its directory.
 * Only the last component of a path is such a name.
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

  /** {@return the name that a whiteout hides} */
  static LinuxPath hidden(LinuxPath whiteout) {
    return whiteout.slice(PREFIX.length(), whiteout.length());
  }

  /** {@return whether it names something in its directory, not the directory or what is above} */
  static boolean isInside(LinuxPath hidden) {
    return !hidden.isEmpty() && !hidden.equals(SELF) && !hidden.equals(ABOVE);
  }
}
