package io.gatun.server.crash;

import io.gatun.server.powercut.Commands;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A directory in memory, for disks that tests write at full speed and throw away: what else the
 * machine does with its real disk neither slows them down nor is slowed down by them.
 */
final class MemoryDirectory implements AutoCloseable {

  private final Path path;

  /**
   * @param path an existing directory
   * @param sizeBytes how much memory may be taken
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
    Commands.run("umount", path.toString());
  }
}
