package io.gatun.snapshot.layer.pack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Reads a file into a tar, up to its initial length. Holes are not read but written as zeros,
 * because not all readers of layers support sparse entries.
 */
final class FileReadMode {

  private final Fd file;
  private final LinuxPath path;
  private final long sizeBytes;
  private final boolean mayHaveHoles;
  private final TarWriter tar;

  FileReadMode(Fd file, LinuxPath path, FileStatus status, TarWriter tar) {
    this.file = file;
    this.path = path;
    this.sizeBytes = status.sizeBytes();
    // Only an optimization: reading a hole is correct but slow.
    this.mayHaveHoles = status.blocks() * FileStatus.BLOCK_BYTES < sizeBytes;
    this.tar = tar;
  }

  void run() throws IOException {
    long at = 0;
    while (at < sizeBytes) {
      long start = mayHaveHoles ? nextData(at) : at;
      if (start > at) {
        tar.zeros(start - at);
      }
      long end = mayHaveHoles && start < sizeBytes ? nextHole(start) : sizeBytes;
      copy(start, end);
      at = end;
    }
  }

  private long nextData(long at) throws IOException {
    long start = Math.min(Unistd.seekData(file, at).orElse(sizeBytes), sizeBytes);
    if (start == sizeBytes && Stat.statx(file).sizeBytes() < sizeBytes) {
      throw becameShorter(at);
    }
    return start;
  }

  private long nextHole(long start) throws ErrnoException {
    return Math.min(Unistd.seekHole(file, start).orElse(sizeBytes), sizeBytes);
  }

  private void copy(long start, long end) throws IOException {
    long at = start;
    while (at < end) {
      ByteBuffer content = tar.content();
      if (content.remaining() > end - at) {
        content.limit(content.position() + (int) (end - at));
      }
      int bytes = Unistd.pread(file, content, at);
      tar.put(content);
      if (bytes == 0) {
        throw becameShorter(at);
      }
      at += bytes;
    }
  }

  private UnfitFileException becameShorter(long at) {
    return new UnfitFileException(
        ("%s: it became shorter while it was read, %d bytes of %d: the snapshot must not be written meanwhile (pause"
                + " its container)")
            .formatted(path, at, sizeBytes));
  }
}
