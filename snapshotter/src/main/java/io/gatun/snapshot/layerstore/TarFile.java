package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Statfs;
import io.gatun.snapshot.layer.tar.TarSink;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Writes a tar from its beginning to its end.
 *
 * <p>How long it will be is not known before. So what is large is allocated some way ahead, which
 * keeps files that are written at a time from lying in each other's way, and what was too much is
 * given back at the end.
 */
final class TarFile implements TarSink {

  /** How the kernel addresses tar and loop device. */
  static final int BLOCK_BYTES = 512;

  /** From here on the calls cost nothing beside the writing. */
  static final long LARGE_BYTES_MIN = 8L << 20;

  static final long AHEAD_BYTES = 64L << 20;

  /**
   * What is allocated ahead others cannot have meanwhile. So it is a small part of what is there,
   * also when many tars are written at a time.
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
   * @param direct writes to the same file, if it is to be written past the page cache
   * @param isWrittenBackEarly whether what is in the page cache is sent to the disk while the rest
   *     is still to come
   */
  TarFile(Disk disk, Fd file, Optional<DirectWriter> direct, boolean isWrittenBackEarly) {
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

  /** Small layers are not worth a wait, and nor is the beginning of a large one. */
  private void writeDirectly(ByteBuffer part) throws ErrnoException {
    if (direct.isPresent() && position >= LARGE_BYTES_MIN) {
      position += direct.get().write(part, position);
    }
  }

  /** Where it cannot be done, or there is not much room, nobody asks again. */
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

  /** Ends it with zeros, up to a whole block; a loop device would not show a part of one. */
  void finish() throws LayerStoreException {
    long padded = (position + BLOCK_BYTES - 1) & -BLOCK_BYTES;
    if (padded == position && allocated <= position) {
      return;
    }
    try {
      disk.truncate(file, padded);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot end the tar", e);
    }
  }
}
