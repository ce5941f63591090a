package io.gatun.server.crash;

import io.gatun.server.powercut.Commands;
import java.io.IOException;
import java.nio.file.Path;

/**
 * An in-memory directory, for disks that tests write at full speed and discard, so that they and
 * other users of the machine's disk do not slow each other down.
 */
final class MemoryDirectory implements AutoCloseable {

  private final Path path;

  /**
   * @param path an existing directory
   * @param sizeBytes the maximum of memory to use
   */
  MemoryDirectory(Path path, long sizeBytes) throws IOException {
    this.path = path;
    Commands.run("mount", "-t", "tmpfs", "-o", "size=" + sizeBytes, "tmpfs", path.toString());
  }

  Path path() {
    return path;
  }

  @Override
  public void close() throws IOException {
    Commands.unmount(path);
  }
}
