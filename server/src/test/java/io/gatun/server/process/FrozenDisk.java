package io.gatun.server.process;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * A filesystem of its own that can be frozen (fsfreeze(8)): writers wait in the kernel until it is
 * thawed, and cannot be killed before.
 */
final class FrozenDisk implements AutoCloseable {

  private static final long SIZE_BYTES = 512L << 20;

  private final Path directory;
  private boolean isFrozen;

  private FrozenDisk(Path directory) {
    this.directory = directory;
  }

  static FrozenDisk mount(Path below) {
    try {
      Path image = Files.createTempFile(below, "disk", ".img");
      Path directory = Files.createTempDirectory(below, "disk");
      try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
        file.setLength(SIZE_BYTES);
      }
      Commands.run("mkfs.ext4", "-q", "-F", image.toString());
      Commands.run("mount", "-o", "loop", image.toString(), directory.toString());
      return new FrozenDisk(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path directory() {
    return directory;
  }

  void freeze() {
    Commands.run("fsfreeze", "--freeze", directory.toString());
    isFrozen = true;
  }

  void thaw() {
    if (isFrozen) {
      Commands.run("fsfreeze", "--unfreeze", directory.toString());
      isFrozen = false;
    }
  }

  /** {@return whether a thread of a process waits uninterruptibly in the kernel} */
  boolean holdsUp(long pid) {
    try (Stream<Path> threads = Files.list(Path.of("/proc/%d/task".formatted(pid)))) {
      return threads.anyMatch(FrozenDisk::isUninterruptible);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isUninterruptible(Path thread) {
    try {
      String status = Files.readString(thread.resolve("stat"));
      // The state follows the name, which is in parentheses and may contain any character; proc(5).
      return status.charAt(status.lastIndexOf(')') + 2) == 'D';
    } catch (IOException e) {
      // The thread has ended.
      return false;
    }
  }

  @Override
  public void close() {
    thaw();
    Commands.run("umount", directory.toString());
  }
}
