package io.gatun.snapshot;

import java.util.List;

/**
 * A mount for containerd to perform, in the form of mount(2).
 *
 * @param type the filesystem type, {@code overlay} or {@code bind}
 * @param source the device; a directory for a bind mount
 * @param target a path below the root of the mount; empty for the root itself
 * @param options in the required order
 */
public record Mount(String type, String source, String target, List<String> options) {

  public Mount {
    options = List.copyOf(options);
  }

  /** {@return a mount of the root of a snapshot} */
  public static Mount ofRoot(String type, String source, List<String> options) {
    return new Mount(type, source, "", options);
  }
}
