package io.gatun.snapshot.filetree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.util.OptionalLong;

/**
 * Copies file content to new files between two filesystems, by the cheapest available method. A
 * method that the filesystems do not support is not tried again; one that does not suit a file is
 * replaced by the next for that file only. Holes are preserved.
 */
final class ContentCopy {

  /** The ways to copy file content, the cheapest first. */
  enum CopyMethod {
    /** The copy shares all blocks of the original until one of them is written (FICLONE). */
    CLONE,
    /** The kernel copies (copy_file_range). */
    KERNEL,
    /** User-space read and write. */
    BUFFER
  }

  /** From this size, the kernel copy saves more than its set-up costs; measured on ext4. */
  private static final long KERNEL_COPY_BYTES_MIN = 128 * 1024;

  private static final int BUFFER_BYTES = 256 * 1024;

  private static final ThreadLocal<ByteBuffer> BUFFER =
      ThreadLocal.withInitial(() -> ByteBuffer.allocateDirect(BUFFER_BYTES));

  private final Disk disk;
  private volatile CopyMethod best = CopyMethod.CLONE;

  ContentCopy(Disk disk) {
    this.disk = disk;
  }

  CopyMethod best() {
    return best;
  }

  /**
   * Copies a whole file.
   *
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
   * Copies the data between holes. The block count cannot tell whether there are any: attributes
   * and preallocation also take blocks. A file without holes costs one lseek(2).
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

  /** {@return the number of bytes copied from the start of the range} */
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
        // The end, or a filesystem that hides its lack of support (Linux before 5.19): reading
        // decides.
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
        // Committed snapshots do not change: a file that has become shorter is damaged.
        throw new ErrnoException("pread", Errno.EIO, source.path());
      }
      buffer.flip();
      while (buffer.hasRemaining()) {
        at += disk.write(target, buffer, at);
      }
    }
  }

  /**
   * Notes that a method failed.
   *
   * @return false, to try the next method
   * @throws ErrnoException if the next method would fail as well
   */
  private boolean fallBack(ErrnoException failure, CopyMethod next) throws ErrnoException {
    switch (failure.errno()) {
      // Not supported by the filesystem, or not between these two.
      case EOPNOTSUPP, ENOSYS, ENOTTY, EXDEV -> rememberAtLeast(next);
      // Not for these two files: one is no-copy-on-write, a swap file, or similar.
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
