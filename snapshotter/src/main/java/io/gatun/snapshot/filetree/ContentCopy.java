package io.gatun.snapshot.filetree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.util.OptionalLong;

/**
 * Copies what is in files of one filesystem to new files of one filesystem, by the cheapest method
 * there is. A method that the filesystem turns out not to have is not tried again; one that merely
 * does not suit a file is replaced by the next for that file. Holes stay holes.
 */
final class ContentCopy {

  /** Beyond this, a copy by the kernel saves more than setting it up costs; measured on ext4. */
  private static final long KERNEL_COPY_BYTES_MIN = 128 * 1024;

  private static final int BUFFER_BYTES = 256 * 1024;

  private static final ThreadLocal<ByteBuffer> BUFFER =
      ThreadLocal.withInitial(() -> ByteBuffer.allocateDirect(BUFFER_BYTES));

  private final Disk disk;
  private volatile CopyMethod best = CopyMethod.CLONE;

  ContentCopy(Disk disk) {
    this.disk = disk;
  }

  /** {@return the cheapest method that has not failed so far} */
  CopyMethod best() {
    return best;
  }

  /**
   * Copies the whole of a file.
   *
   * @param sizeBytes how much that is
   * @param target a new, empty file
   */
  void copy(Fd source, long sizeBytes, Fd target) throws ErrnoException {
    if (sizeBytes > 0 && !(best == CopyMethod.CLONE && tryClone(source, target))) {
      copyData(source, target, sizeBytes);
    }
  }

  private boolean tryClone(Fd source, Fd target) throws ErrnoException {
    try {
      disk.cloneFile(source, target);
      return true;
    } catch (ErrnoException e) {
      return fallBack(e, CopyMethod.KERNEL);
    }
  }

  /**
   * Copies what lies between the holes, of which most files have none: one question then. The
   * number of blocks does not answer it, since attributes take blocks, and so does what is reserved
   * and not written.
   */
  private void copyData(Fd source, Fd target, long sizeBytes) throws ErrnoException {
    long start = 0;
    while (true) {
      long end = Math.min(Unistd.seekHole(source, start).orElse(sizeBytes), sizeBytes);
      copyRange(source, target, start, end - start);
      if (end == sizeBytes) {
        return;
      }
      OptionalLong next = Unistd.seekData(source, end);
      if (next.isEmpty() || next.getAsLong() >= sizeBytes) {
        disk.truncate(target, sizeBytes);
        return;
      }
      start = next.getAsLong();
    }
  }

  private void copyRange(Fd source, Fd target, long offset, long length) throws ErrnoException {
    long done = 0;
    if (length >= KERNEL_COPY_BYTES_MIN && best != CopyMethod.BUFFER) {
      done = copyByKernel(source, target, offset, length);
    }
    if (done < length) {
      copyByBuffer(source, target, offset + done, length - done);
    }
  }

  /** {@return how much of the range was copied, from its start} */
  private long copyByKernel(Fd source, Fd target, long offset, long length) throws ErrnoException {
    long done = 0;
    while (done < length) {
      long at = offset + done;
      long copied;
      try {
        copied = disk.copyRange(source, at, target, at, length - done);
      } catch (ErrnoException e) {
        fallBack(e, CopyMethod.BUFFER);
        return done;
      }
      if (copied == 0) {
        // The end, or a filesystem that does not say what it cannot do (Linux before 5.19): reading
        // tells.
        return done;
      }
      done += copied;
    }
    return done;
  }

  private void copyByBuffer(Fd source, Fd target, long offset, long length) throws ErrnoException {
    ByteBuffer buffer = BUFFER.get();
    long at = offset;
    long end = offset + length;
    while (at < end) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
      if (Unistd.pread(source, buffer, at) == 0) {
        // Nobody changes a committed snapshot, so that a file which has become shorter is damaged.
        throw new ErrnoException("pread", Errno.EIO, source.path());
      }
      buffer.flip();
      while (buffer.hasRemaining()) {
        at += disk.write(target, buffer, at);
      }
    }
  }

  /**
   * Takes note that a method failed.
   *
   * @return false, so that the next method is tried
   * @throws ErrnoException if the next would fail as well
   */
  private boolean fallBack(ErrnoException failure, CopyMethod next) throws ErrnoException {
    switch (failure.errno()) {
      // The filesystem has no such thing, or not between these two.
      case EOPNOTSUPP, ENOSYS, ENOTTY, EXDEV -> rememberAtLeast(next);
      // Not with these two files: one of them is no-copy-on-write, a swap file, or the like.
      case EINVAL, EPERM, ETXTBSY, EBADF -> {}
      default -> throw failure;
    }
    return false;
  }

  private synchronized void rememberAtLeast(CopyMethod method) {
    if (best.compareTo(method) < 0) {
      best = method;
    }
  }
}
