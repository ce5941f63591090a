package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarExtent;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Writes file content and preserves holes. Large files are allocated in one piece before writing,
 * and their writeback starts before they are complete.
 */
final class FileContent {

  /** From this size on, the cost of the extra calls is negligible. */
  static final long LARGE_BYTES_MIN = 8L << 20;

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  private final Disk disk;
  private final boolean isWrittenBackEarly;
  private boolean canAllocate = true;

  FileContent(Disk disk, boolean isWrittenBackEarly) {
    this.disk = disk;
    this.isWrittenBackEarly = isWrittenBackEarly;
  }

  /** Fills a new, empty file. */
  void write(Fd file, LayerEntry.RegularFile entry, LayerContent source) throws IOException {
    ByteBuffer piece = NOTHING;
    long end = 0;
    for (TarExtent extent : entry.extents()) {
      allocate(file, extent);
      piece = write(file, entry, extent, source, piece);
      end = extent.end();
    }
    if (entry.sizeBytes() > end) {
      disk.truncate(file, entry.sizeBytes());
    }
  }

  /** {@return the rest of the last piece of content} */
  private ByteBuffer write(
      Fd file,
      LayerEntry.RegularFile entry,
      TarExtent extent,
      LayerContent source,
      ByteBuffer first)
      throws IOException {
    ByteBuffer piece = first;
    long at = extent.offset();
    long started = at;
    while (at < extent.end()) {
      if (!piece.hasRemaining()) {
        piece = source.next();
        if (!piece.hasRemaining()) {
          throw new InvalidLayerException(
              "content of %s ends at %d of %d bytes"
                  .formatted(entry.path().whole(), at, entry.sizeBytes()));
        }
      }
      at += write(file, piece, at, extent.end() - at);
      if (isWrittenBackEarly && at - started >= LARGE_BYTES_MIN) {
        disk.startWriteback(file, started, at - started);
        started = at;
      }
    }
    if (started > extent.offset() && at > started) {
      disk.startWriteback(file, started, at - started);
    }
    return piece;
  }

  private int write(Fd file, ByteBuffer piece, long offset, long lengthMax) throws ErrnoException {
    int limit = piece.limit();
    if (piece.remaining() > lengthMax) {
      piece.limit(piece.position() + (int) lengthMax);
    }
    try {
      return disk.write(file, piece, offset);
    } finally {
      piece.limit(limit);
    }
  }

  /** Stops trying on a filesystem that does not support allocation. */
  private void allocate(Fd file, TarExtent extent) throws ErrnoException {
    if (!canAllocate || extent.length() < LARGE_BYTES_MIN) {
      return;
    }
    try {
      disk.allocate(file, extent.offset(), extent.length());
    } catch (ErrnoException e) {
      if (!e.is(Errno.EOPNOTSUPP)) {
        throw e;
      }
      canAllocate = false;
    }
  }
}
