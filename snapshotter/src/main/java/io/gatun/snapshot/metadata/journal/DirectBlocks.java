package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Writes to a file past the page cache ({@code O_DIRECT}, open(2)), in which one thing is written
 * behind the other and zeros come after the last. A request that waits for the disk is answered a
 * sixth sooner than if the kernel has to make a page dirty, to find it again at fdatasync(2), and
 * to mark it before and after it is written.
 *
 * <p>Whole blocks are written. The first begins with what is there already, which is written once
 * more as it is, and so it would be from the cache; the last ends with zeros, as before.
 */
final class DirectBlocks implements AutoCloseable {

  /** What every filesystem and disk takes for aligned. */
  private static final int BLOCK_BYTES = 4096;

  /** More at a time is not worth the memory. */
  private static final int BUFFER_BYTES = 8 * BLOCK_BYTES;

  private final Disk disk;
  private final Fd file;
  private final long sizeBytes;

  private final ByteBuffer blocks =
      ByteBuffer.allocateDirect(BUFFER_BYTES + BLOCK_BYTES)
          .alignedSlice(BLOCK_BYTES)
          .slice(0, BUFFER_BYTES);

  /** The part of the file that the buffer begins with. */
  private long start;

  private long end;

  private DirectBlocks(Disk disk, Fd file, long sizeBytes) {
    this.disk = disk;
    this.file = file;
    this.sizeBytes = sizeBytes;
  }

  /**
   * {@return the file to write to, if its filesystem can do that}
   *
   * @param sizeBytes how large the file is, and stays
   */
  static Optional<DirectBlocks> open(Disk disk, Fd directory, String name, long sizeBytes) {
    Fd file;
    try {
      file =
          Fcntl.openat(
              directory,
              MetadataFile.path(name),
              OpenFlag.READ_WRITE,
              OpenFlag.NO_FOLLOW,
              OpenFlag.DIRECT);
    } catch (ErrnoException e) {
      // Whatever it is: the file can be written the other way.
      return Optional.empty();
    }
    DirectBlocks opened = new DirectBlocks(disk, file, sizeBytes);
    if (opened.tryRead(0, BLOCK_BYTES)) {
      return Optional.of(opened);
    }
    file.close();
    return Optional.empty();
  }

  /**
   * Writes at a place; what is behind that, up to the end of its last block, becomes zeros.
   *
   * @param position not before one that was written at and kept
   * @return whether this was done; what is too large, or too near to the end of the file, is left
   *     to the caller
   */
  boolean tryWrite(ByteBuffer content, long position) throws ErrnoException {
    int before = (int) (position % BLOCK_BYTES);
    long from = position - before;
    int bytes = content.remaining();
    int whole = (before + bytes + BLOCK_BYTES - 1) & -BLOCK_BYTES;
    if (whole > BUFFER_BYTES || from + whole > sizeBytes || !tryEnsure(from, position)) {
      // What comes to be there is not in the buffer.
      end = Math.min(end, position);
      return false;
    }
    blocks.clear().position(before).limit(whole);
    blocks.put(content);
    while (blocks.hasRemaining()) {
      blocks.put((byte) 0);
    }
    DurableFile.write(disk, file, blocks.flip(), from);
    end = position + bytes;
    return true;
  }

  /** {@return whether the buffer begins with this part of the file, and has no more of it} */
  private boolean tryEnsure(long from, long to) {
    if (from < start || to > end) {
      return tryRead(from, to);
    }
    blocks.clear();
    blocks.put(0, blocks, (int) (from - start), (int) (to - from));
    start = from;
    end = to;
    return true;
  }

  private boolean tryRead(long from, long to) {
    start = from;
    end = from;
    try {
      if (Unistd.pread(file, blocks.clear().limit(BLOCK_BYTES), from) == BLOCK_BYTES) {
        end = to;
        return true;
      }
    } catch (ErrnoException e) {
      // It can be written the other way, and who does that meets the same.
      return false;
    }
    return false;
  }

  @Override
  public void close() {
    file.close();
  }
}
