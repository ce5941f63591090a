package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;

/**
 * A place below the root of a layer. Symbolic links may still be on the way to its directory; the
 * name itself is meant as it is, also if it is that of a link.
 *
 * @param directory components joined by single slashes, none of them {@code .} or {@code ..}; empty
 *     for the root
 * @param name one component, neither {@code .} nor {@code ..}
 */
public record LayerPath(LinuxPath directory, LinuxPath name) {

  /** {@return directory and name in one} */
  public LinuxPath whole() {
    return directory.resolve(name);
  }
}
