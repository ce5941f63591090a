package io.gatun.snapshot.layerstore.tar;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Statfs;
import io.gatun.snapshot.layer.tar.TarSink;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Writes a tar sequentially.
 *
 * <p>Its length is not known in advance. Large tars are therefore allocated some way ahead, which
 * keeps files that are written concurrently from fragmenting each other; the excess is released at
 * the end.
 */
public final class TarFile implements TarSink {

  /** The block size of a loop device. */
  public static final int BLOCK_BYTES = 512;

  /** From this size on, the cost of the extra calls is negligible. */
  static final long LARGE_BYTES_MIN = 8L << 20;

  static final long AHEAD_BYTES = 64L << 20;

  /**
   * Space that is allocated ahead is unavailable to others, so it must stay a small part of the
   * free space even when many tars are written concurrently.
   */
  static final long ROOM_BYTES_MIN = 32 * AHEAD_BYTES;

  private final Disk disk;
  private final Fd file;
  private final Optional<DirectWriter> direct;
  private final boolean isWrittenBackEarly;
  private long position;
  private long allocated;
  private long started;
  private boolean canAllocate = true;

  /**
   * @param file new and empty
   * @param direct writes to the same file, if the tar is to bypass the page cache
   * @param isWrittenBackEarly whether writeback of cached data starts before the tar is complete
   */
  public TarFile(Disk disk, Fd file, Optional<DirectWriter> direct, boolean isWrittenBackEarly) {
    this.disk = disk;
    this.file = file;
    this.direct = direct;
    this.isWrittenBackEarly = isWrittenBackEarly;
  }

  @Override
  public void write(ByteBuffer part) throws LayerStoreException {
    try {
      allocate(position + part.remaining());
      writeDirectly(part);
      while (part.hasRemaining()) {
        position += disk.write(file, part, position);
      }
      if (isWrittenBackEarly && position - started >= LARGE_BYTES_MIN) {
        disk.startWriteback(file, started, position - started);
        started = position;
      }
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot write the tar", e);
    }
  }

  /** Small layers are not worth the wait, nor is the beginning of a large one. */
  private void writeDirectly(ByteBuffer part) throws ErrnoException {
    if (direct.isPresent() && position >= LARGE_BYTES_MIN) {
      position += direct.get().write(part, position);
    }
  }

  /** Stops trying where allocation is not supported or space is low. */
  private void allocate(long end) throws ErrnoException {
    if (!canAllocate || end <= Math.max(allocated, LARGE_BYTES_MIN)) {
      return;
    }
    if (Statfs.fstatfs(file).availableBytes() < ROOM_BYTES_MIN) {
      canAllocate = false;
      return;
    }
    try {
      disk.allocate(file, position, AHEAD_BYTES);
      allocated = position + AHEAD_BYTES;
    } catch (ErrnoException e) {
      canAllocate =
          switch (e.errno()) {
            case EOPNOTSUPP, ENOSPC, EDQUOT, EFBIG -> false;
            default -> throw e;
          };
    }
  }

  /** Pads the tar with zeros to a whole block; a loop device would not expose a partial one. */
  public void finish() throws LayerStoreException {
    long padded = (position + BLOCK_BYTES - 1) & -BLOCK_BYTES;
    if (padded == position && allocated <= position) {
      return;
    }
    try {
      disk.truncate(file, padded);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot pad the tar", e);
    }
  }
}
