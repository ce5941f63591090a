package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.root.Shortage;
import java.nio.ByteBuffer;

/**
 * Reads a file front to back through a window of bounded size, which makes the memory needed
 * independent of the size of a checkpoint.
 *
 * <p>Errors about the file itself become a {@link Finding}; a lack of file descriptors or memory
 * stays an exception.
 */
public final class FileWindow implements AutoCloseable {

  /** Two frames of the maximum size. */
  private static final int WINDOW_BYTES = 2 * (Frame.BODY_BYTES_MAX + Frame.HEADER_BYTES);

  /** How much is scanned at a time. */
  private static final int SCAN_BYTES = 64 << 10;

  private final Fd file;
  private final String name;
  private final long sizeBytes;
  private final ByteBuffer window;
  private long start;

  private FileWindow(Fd file, String name, long sizeBytes) {
    this.file = file;
    this.name = name;
    this.sizeBytes = sizeBytes;
    // Most files are small, and the JVM fills all of the window with zeros.
    this.window = ByteBuffer.allocateDirect(Math.clamp(sizeBytes, 0, WINDOW_BYTES));
    window.limit(0);
  }

  public static FileWindow open(Fd directory, String name)
      throws ErrnoException, MetadataDamagedException {
    Fd file;
    try {
      // Without O_NONBLOCK, a FIFO would block until it has a writer.
      file =
          Fcntl.openat(
              directory,
              MetadataFile.path(name),
              OpenFlag.READ_ONLY,
              OpenFlag.NO_FOLLOW,
              OpenFlag.NON_BLOCKING);
    } catch (ErrnoException e) {
      throw unreadable(name, 0, e);
    }
    boolean isOpen = false;
    try {
      FileStatus status = Stat.statx(file);
      if (status.type() != NodeType.REGULAR) {
        throw new MetadataDamagedException(Finding.misplaced(name, status.type()));
      }
      FileWindow window = new FileWindow(file, name, status.sizeBytes());
      isOpen = true;
      return window;
    } finally {
      if (!isOpen) {
        file.close();
      }
    }
  }

  private static MetadataDamagedException unreadable(
      String name, long offset, ErrnoException failure) throws ErrnoException {
    if (Shortage.isReason(failure)) {
      throw failure;
    }
    return new MetadataDamagedException(
        Finding.unreadable(name, offset, "it cannot be read: " + failure.getMessage()), failure);
  }

  public long sizeBytes() {
    return sizeBytes;
  }

  /**
   * {@return the bytes at an offset, fewer at the end of the file}
   *
   * <p>Valid until the next call.
   */
  public ByteBuffer at(long offset, int length) throws ErrnoException, MetadataDamagedException {
    int wanted = Math.clamp(sizeBytes - offset, 0, length);
    if (offset < start || offset + wanted > start + window.limit()) {
      fill(offset);
    }
    int from = (int) (offset - start);
    return window.slice(from, Math.clamp(window.limit() - (long) from, 0, wanted));
  }

  /**
   * {@return the next offset of a non-zero byte, in steps of a long from the given one; the size of
   * the file if there is none}
   */
  public long nextNonZero(long offset) throws ErrnoException, MetadataDamagedException {
    long at = offset;
    while (at < sizeBytes) {
      ByteBuffer chunk = at(at, SCAN_BYTES);
      if (!chunk.hasRemaining()) {
        return sizeBytes;
      }
      int longs = chunk.remaining() / Long.BYTES;
      for (int i = 0; i < longs; i++) {
        if (chunk.getLong(i * Long.BYTES) != 0) {
          return at + (long) i * Long.BYTES;
        }
      }
      for (int i = longs * Long.BYTES; i < chunk.remaining(); i++) {
        if (chunk.get(i) != 0) {
          return at + (long) longs * Long.BYTES;
        }
      }
      at += chunk.remaining();
    }
    return sizeBytes;
  }

  private void fill(long offset) throws ErrnoException, MetadataDamagedException {
    start = offset;
    window.clear().limit(Math.clamp(sizeBytes - offset, 0, WINDOW_BYTES));
    while (window.hasRemaining()) {
      if (read() <= 0) {
        break;
      }
    }
    window.flip();
  }

  private int read() throws ErrnoException, MetadataDamagedException {
    long at = start + window.position();
    try {
      return Unistd.pread(file, window, at);
    } catch (ErrnoException e) {
      if (window.position() > 0) {
        // The data before an unreadable block is good; a read beyond it reports the error.
        return 0;
      }
      window.limit(0);
      throw unreadable(name, at, e);
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
