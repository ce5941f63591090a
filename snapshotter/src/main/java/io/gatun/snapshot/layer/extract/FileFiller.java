package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.layer.entry.FileSink.OpenedFile;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarExtent;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Writes the content and attributes of new files and preserves holes. Large files are allocated in
 * one piece before writing, and their writeback starts before they are complete.
 *
 * <p>The state that it shares with the writer is thread-safe, so another thread can fill files.
 */
final class FileFiller {

  /** From this size on, the cost of the extra calls is negligible. */
  static final long LARGE_BYTES_MIN = 8L << 20;

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  /**
   * A new file, identified only by its descriptor: its name may already belong to another file.
   *
   * @param fd closed with this
   * @param isInPlain whether its directory is {@link Ownership#isPlain plain}
   */
  record NewFile(FileFiller filler, Fd fd, LayerEntry.RegularFile entry, boolean isInPlain)
      implements OpenedFile {

    @Override
    public void fill(LayerContent content) throws IOException {
      try {
        filler.fill(this, content);
      } catch (ErrnoException e) {
        throw new TreeWriteException(entry.path().whole(), e);
      }
    }

    @Override
    public void close() {
      fd.close();
    }
  }

  private final Disk disk;
  private final boolean isWrittenBackEarly;
  private final EntryAttributes attributes;
  private final UsageTally tally;
  private boolean canAllocate = true;

  FileFiller(Extraction layer, EntryAttributes attributes, boolean isWrittenBackEarly) {
    this.disk = layer.disk();
    this.tally = layer.tally();
    this.attributes = attributes;
    this.isWrittenBackEarly = isWrittenBackEarly;
  }

  private void fill(NewFile file, LayerContent source) throws IOException {
    LayerEntry.RegularFile entry = file.entry;
    write(file.fd, entry, source);
    attributes.finishFile(file.fd, entry.attributes(), file.isInPlain);
    if (entry.attributes().xattrs().isEmpty()) {
      tally.addFile(entry.extents());
    } else {
      tally.add(Stat.statx(file.fd));
    }
  }

  private void write(Fd file, LayerEntry.RegularFile entry, LayerContent source)
      throws IOException {
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
