package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Stat;
import io.gatun.linux.Unistd;
import java.nio.ByteBuffer;

/**
 * A file that is read from front to back through a window of bounded size, so that reading a
 * checkpoint of any size takes the same memory.
 */
final class FileWindow implements AutoCloseable {

  /** Two frames of the greatest size. */
  private static final int WINDOW_BYTES = 2 * (Frame.BODY_BYTES_MAX + Frame.HEADER_BYTES);

  private final Fd file;
  private final long sizeBytes;
  private final ByteBuffer window = ByteBuffer.allocateDirect(WINDOW_BYTES);
  private long start;

  private FileWindow(Fd file, long sizeBytes) {
    this.file = file;
    this.sizeBytes = sizeBytes;
    window.limit(0);
  }

  static FileWindow open(Fd directory, String name) throws ErrnoException {
    Fd file =
        Fcntl.openat(directory, MetadataFile.path(name), OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW);
    try {
      return new FileWindow(file, Stat.statx(file).sizeBytes());
    } catch (ErrnoException e) {
      file.close();
      throw e;
    }
  }

  long sizeBytes() {
    return sizeBytes;
  }

  /**
   * {@return so many bytes from an offset on, or what there is up to the end of the file}
   *
   * <p>Good until the next call.
   */
  ByteBuffer at(long offset, int length) throws ErrnoException {
    int wanted = Math.clamp(sizeBytes - offset, 0, length);
    if (offset < start || offset + wanted > start + window.limit()) {
      fill(offset);
    }
    int from = (int) (offset - start);
    return window.slice(from, Math.clamp(window.limit() - (long) from, 0, wanted));
  }

  private void fill(long offset) throws ErrnoException {
    start = offset;
    window.clear().limit(Math.clamp(sizeBytes - offset, 0, WINDOW_BYTES));
    while (window.hasRemaining()) {
      int read = Unistd.pread(file, window, start + window.position());
      if (read <= 0) {
        break;
      }
    }
    window.flip();
  }

  @Override
  public void close() {
    file.close();
  }
}
