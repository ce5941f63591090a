package io.gatun.snapshot.layer.entry;

import io.gatun.linux.LinuxPath;

/**
 * A path below the root of a layer. Its directory may lead through symbolic links; its name is
 * never followed.
 *
 * @param directory components joined by single slashes, none of them {@code .} or {@code ..}; empty
 *     for the root
 * @param name one component, neither {@code .} nor {@code ..}
 */
public record LayerPath(LinuxPath directory, LinuxPath name) {

  /** {@return directory and name joined} */
  public LinuxPath whole() {
    return directory.resolve(name);
  }
}
