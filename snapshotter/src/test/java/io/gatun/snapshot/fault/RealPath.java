package io.gatun.snapshot.fault;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where something is at this moment, as the kernel says. */
final class RealPath {

  private RealPath() {}

  static Path of(Fd file) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + file.number()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Path of(Fd parent, LinuxPath name) {
    return of(parent).resolve(name.toString());
  }
}
