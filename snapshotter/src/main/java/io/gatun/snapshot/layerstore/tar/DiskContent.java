package io.gatun.snapshot.layerstore.tar;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NativeBuffer;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/**
 * The on-disk content of a file, read past the page cache (open(2), O_DIRECT), whose pages may be
 * right while the disk is wrong, or the other way round. Filesystems without direct I/O, which keep
 * their files in memory, are read normally.
 *
 * <p>The next piece is read while the caller processes the current one.
 */
public final class DiskContent implements AutoCloseable {

  /** The largest alignment that any filesystem requires of buffers, offsets and lengths. */
  static final int ALIGNMENT_BYTES = 4096;

  private static final int PIECE_BYTES = 1 << 20;
  private static final int PIECES = 2;

  private final ExecutorService reading;
  private final NativeBuffer memory = new NativeBuffer(PIECES * PIECE_BYTES + ALIGNMENT_BYTES);
  private final ByteBuffer[] pieces = new ByteBuffer[PIECES];
  private final Fd file;
  private final long sizeBytes;
  private long asked;
  private int turn;
  private Future<ByteBuffer> next;

  /**
   * @param reading one thread, for reading ahead
   */
  public DiskContent(Fd root, LinuxPath path, ExecutorService reading) throws ErrnoException {
    this.reading = reading;
    ByteBuffer aligned = memory.buffer().alignedSlice(ALIGNMENT_BYTES);
    for (int i = 0; i < PIECES; i++) {
      pieces[i] = aligned.slice(i * PIECE_BYTES, PIECE_BYTES);
    }
    boolean isOpen = false;
    try {
      this.file = open(root, path);
      this.sizeBytes = Stat.statx(file).sizeBytes();
      this.next = readNext();
      isOpen = true;
    } finally {
      if (!isOpen) {
        memory.close();
      }
    }
  }

  /** Opens a file for direct I/O, or for normal reading if its filesystem has none. */
  static Fd open(Fd root, LinuxPath path) throws ErrnoException {
    try {
      return Fcntl.openat(root, path, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW, OpenFlag.DIRECT);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EINVAL)) {
        throw e;
      }
      return Fcntl.openat(root, path, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW);
    }
  }

  private Future<ByteBuffer> readNext() {
    ByteBuffer piece = pieces[turn].clear();
    long offset = asked;
    turn = (turn + 1) % PIECES;
    asked += PIECE_BYTES;
    return reading.submit(
        () -> {
          if (offset < sizeBytes) {
            Unistd.pread(file, piece, offset);
          }
          return piece.flip();
        });
  }

  /** {@return whether the error means that the disk lost or corrupted data} */
  public static boolean isDamage(Errno errno) {
    return switch (errno) {
      case EIO, EBADMSG, EUCLEAN -> true;
      default -> false;
    };
  }

  /** {@return the length of the file} */
  public long sizeBytes() {
    return sizeBytes;
  }

  /** {@return the next piece, valid until the next call; empty at the end} */
  public ByteBuffer next() throws IOException {
    ByteBuffer piece = await();
    next = readNext();
    return piece;
  }

  private ByteBuffer await() throws IOException {
    boolean isInterrupted = false;
    try {
      while (true) {
        try {
          return next.get();
        } catch (InterruptedException e) {
          isInterrupted = true;
        } catch (ExecutionException e) {
          switch (e.getCause()) {
            case IOException failure -> throw failure;
            case null, default -> throw new IllegalStateException("reading " + file.path(), e);
          }
        }
      }
    } finally {
      if (isInterrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() {
    try {
      await();
    } catch (IOException e) {
      // The caller did not ask for this piece.
      next.cancel(false);
    }
    memory.close();
    file.close();
  }
}
