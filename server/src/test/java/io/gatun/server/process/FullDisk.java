package io.gatun.server.process;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * Takes all space of a filesystem: the last block, and the inodes that need none. Closing it
 * returns everything.
 */
final class FullDisk implements AutoCloseable {

  private static final long FILE_BYTES_MAX = 256L << 20;
  private static final int BLOCK_BYTES = 4096;
  private static final int FILE_MODE = 0600;
  private static final int EMPTY_FILES_MAX = 5_000;

  /** Also takes space that the filesystem frees meanwhile. */
  private static final int PASSES = 3;

  private final Path directory;
  private int files;

  private FullDisk(Path directory) {
    this.directory = directory;
  }

  /**
   * Fills the filesystem of a directory.
   *
   * @param leftBytes the space to leave for content
   */
  static FullDisk of(Path place, int leftBytes) {
    try {
      FullDisk full = new FullDisk(Files.createTempDirectory(place, "filling"));
      Path left = full.directory.resolve("left");
      if (leftBytes > 0) {
        Files.write(left, new byte[leftBytes]);
      }
      full.fill();
      Files.deleteIfExists(left);
      return full;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Takes the space that was freed since. */
  void fill() throws ErrnoException {
    for (int pass = 0; pass < PASSES; pass++) {
      for (long bytes = FILE_BYTES_MAX; bytes >= BLOCK_BYTES; bytes /= 2) {
        while (take(bytes)) {}
      }
      for (int i = 0; i < EMPTY_FILES_MAX && take(0); i++) {}
    }
  }

  private boolean take(long bytes) throws ErrnoException {
    LinuxPath file = LinuxPath.of(directory.resolve(Integer.toString(files)));
    try (Fd taken =
        Fcntl.openat(Fd.CURRENT_DIRECTORY, file, FILE_MODE, OpenFlag.READ_WRITE, OpenFlag.CREATE)) {
      if (bytes > 0) {
        Fcntl.fallocate(taken, 0, bytes);
      }
      files++;
      return true;
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOSPC)) {
        return false;
      }
      throw e;
    }
  }

  @Override
  public void close() {
    try (Stream<Path> taken = Files.list(directory)) {
      for (Path file : taken.toList()) {
        Files.delete(file);
      }
      Files.delete(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
