package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.NodeType;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Stat;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.root.Shortage;
import java.nio.ByteBuffer;

/**
 * A file that is read from front to back through a window of bounded size, so that reading a
 * checkpoint of any size takes the same memory.
 *
 * <p>What the kernel says of this file is about the file, and so a {@link Finding}; that the
 * process has too many files open, or that there is no memory, is not.
 */
public final class FileWindow implements AutoCloseable {

  /** Two frames of the greatest size. */
  private static final int WINDOW_BYTES = 2 * (Frame.BODY_BYTES_MAX + Frame.HEADER_BYTES);

  /** How much is looked through at a time. */
  private static final int SCAN_BYTES = 64 << 10;

  private final Fd file;
  private final String name;
  private final long sizeBytes;
  private final ByteBuffer window = ByteBuffer.allocateDirect(WINDOW_BYTES);
  private long start;

  private FileWindow(Fd file, String name, long sizeBytes) {
    this.file = file;
    this.name = name;
    this.sizeBytes = sizeBytes;
    window.limit(0);
  }

  public static FileWindow open(Fd directory, String name)
      throws ErrnoException, MetadataDamagedException {
    Fd file;
    try {
      // A FIFO would otherwise keep us waiting for somebody who writes.
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
   * {@return so many bytes from an offset on, or what there is up to the end of the file}
   *
   * <p>Good until the next call.
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
   * {@return the next offset at which there is more than zeros, in steps of a long from the one
   * that is given; the size of the file if there is none}
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
        // What lies before a block that cannot be read is good; who asks for more is told.
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
