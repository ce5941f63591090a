package io.gatun.snapshot.layerstore.tar;

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
 * <p>A tar that is read with direct I/O would only evict useful pages, and copying it into the page
 * cache costs CPU. But each direct write waits for the disk alone, while the kernel writes many
 * pages back at a time and may defer them. Direct writing therefore stops once waiting takes longer
 * than decompressing the same amount, as it does with a slow, remote or busy disk.
 */
public final class DirectWriter implements AutoCloseable {

  /** An alignment that every filesystem and disk accepts; no page is smaller. */
  static final int BLOCK_BYTES = 4096;

  /** The amount of data over which the disk's speed is measured. */
  static final int WINDOW_BYTES = 8 << 20;

  /** 2 ms per MiB, the time that a decompressor takes at 500 MiB/s. */
  static final long WINDOW_NANOS_MAX = TimeUnit.MILLISECONDS.toNanos(16);

  private final Disk disk;
  private final Fd file;
  private final LongSupplier nanos;
  private boolean isOver;
  private int windowBytes;
  private long windowNanos;

  /**
   * @param file opened with {@code O_DIRECT}; closed with this
   * @param nanos a monotonic clock
   */
  public DirectWriter(Disk disk, Fd file, LongSupplier nanos) {
    this.disk = disk;
    this.file = file;
    this.nanos = nanos;
  }

  /**
   * Writes the whole blocks of a part. The rest stays in the buffer for the caller to write through
   * the page cache.
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
        // The filesystem, or a layer below it, requires a coarser alignment.
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
