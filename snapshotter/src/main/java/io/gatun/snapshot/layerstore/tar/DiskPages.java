package io.gatun.snapshot.layerstore.tar;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NativeBuffer;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.layer.index.IndexReader;
import java.nio.ByteBuffer;

/**
 * Random access to the on-disk content of an index, read like {@link DiskContent}.
 *
 * <p>Not thread-safe.
 */
public final class DiskPages implements IndexReader, AutoCloseable {

  private static final int WINDOW_BYTES = 1 << 16;

  private final NativeBuffer memory = new NativeBuffer(WINDOW_BYTES);
  private final Fd file;
  private final long sizeBytes;

  public DiskPages(Fd root, LinuxPath path) throws ErrnoException {
    boolean isOpen = false;
    try {
      this.file = DiskContent.open(root, path);
      this.sizeBytes = Stat.statx(file).sizeBytes();
      isOpen = true;
    } finally {
      if (!isOpen) {
        memory.close();
      }
    }
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public void read(ByteBuffer into, long offset) throws ErrnoException {
    long at = offset;
    while (into.hasRemaining() && at < sizeBytes) {
      // Direct I/O reads whole pages; the first and the last may be needed only in part.
      int before = (int) (at % DiskContent.ALIGNMENT_BYTES);
      long end = at + into.remaining() + DiskContent.ALIGNMENT_BYTES - 1;
      long pages = end / DiskContent.ALIGNMENT_BYTES * DiskContent.ALIGNMENT_BYTES;
      ByteBuffer window = memory.buffer().clear();
      window.limit((int) Math.min(WINDOW_BYTES, pages - (at - before)));
      Unistd.pread(file, window, at - before);
      window.flip();
      if (window.limit() <= before) {
        return;
      }
      int length = Math.min(into.remaining(), window.limit() - before);
      into.put(window.slice(before, length));
      at += length;
    }
  }

  @Override
  public void close() {
    memory.close();
    file.close();
  }
}
