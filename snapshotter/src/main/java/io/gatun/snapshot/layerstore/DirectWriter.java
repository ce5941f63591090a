package io.gatun.snapshot.layerstore;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Writes a file past the page cache ({@code O_DIRECT}, open(2)) as long as the disk keeps up.
 *
 * <p>A tar of which nobody reads by way of the page cache would only push out of it what is of use,
 * and to bring it there takes a processor that a layer has better use for. But who writes like that
 * waits for the disk, each time for one write alone; the kernel would have many under way, and need
 * not have them done at all before the layer is. So it ends where waiting takes longer than it
 * takes to decompress as much, as with a disk that is slow, far away or busy.
 */
final class DirectWriter implements AutoCloseable {

  /** What every filesystem and disk takes for aligned, and no page is smaller than. */
  static final int BLOCK_BYTES = 4096;

  /** What a disk is judged by. */
  static final int WINDOW_BYTES = 8 << 20;

  /** 2 ms for a MiB, which a decompressor takes at 500 MiB a second. */
  static final long WINDOW_NANOS_MAX = TimeUnit.MILLISECONDS.toNanos(16);

  private final Disk disk;
  private final Fd file;
  private final LongSupplier nanos;
  private boolean isOver;
  private int windowBytes;
  private long windowNanos;

  /**
   * @param file opened with {@code O_DIRECT}; closed with this
   * @param nanos a clock that never goes back
   */
  DirectWriter(Disk disk, Fd file, LongSupplier nanos) {
    this.disk = disk;
    this.file = file;
    this.nanos = nanos;
  }

  /**
   * Writes as much of a part as can be written like that, in whole blocks; the rest is left in it
   * for the caller to write through the page cache.
   *
   * @return how many bytes were written
   */
  int write(ByteBuffer part, long position) throws ErrnoException {
    int end = part.limit();
    part.limit(part.position() + (part.remaining() & -BLOCK_BYTES));
    int written = 0;
    try {
      while (part.hasRemaining() && canWriteAt(position + written)) {
        written += writeOnce(part, position + written);
      }
    } finally {
      part.limit(end);
    }
    return written;
  }

  private boolean canWriteAt(long position) {
    return !isOver && position % BLOCK_BYTES == 0;
  }

  private int writeOnce(ByteBuffer part, long position) throws ErrnoException {
    long begin = nanos.getAsLong();
    int written;
    try {
      written = disk.write(file, part, position);
    } catch (ErrnoException e) {
      if (e.is(Errno.EINVAL) || e.is(Errno.EOPNOTSUPP)) {
        // Aligned as it is, it is not to this filesystem, or to what is below that.
        isOver = true;
        return 0;
      }
      throw e;
    }
    judge(written, nanos.getAsLong() - begin);
    return written;
  }

  private void judge(int bytes, long took) {
    windowBytes += bytes;
    windowNanos += took;
    isOver = windowNanos > WINDOW_NANOS_MAX;
    if (windowBytes >= WINDOW_BYTES) {
      windowBytes = 0;
      windowNanos = 0;
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
