package io.gatun.server.powercut;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Fcntl.FallocateFlag;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** The content of a disk in a sparse file of its own. */
public final class DiskImage implements AutoCloseable {

  private static final int OWNER_ONLY = 0600;

  private final Path file;
  private final long sizeBytes;
  private final Fd fd;

  private DiskImage(Path file, long sizeBytes, Fd fd) {
    this.file = file;
    this.sizeBytes = sizeBytes;
    this.fd = fd;
  }

  /** {@return a new image of zeros} */
  public static DiskImage create(Path file, long sizeBytes) throws ErrnoException {
    Fd fd =
        Fcntl.openat(
            Fd.CURRENT_DIRECTORY,
            LinuxPath.of(file),
            OWNER_ONLY,
            OpenFlag.READ_WRITE,
            OpenFlag.CREATE,
            OpenFlag.EXCLUSIVE);
    Unistd.ftruncate(fd, sizeBytes);
    return new DiskImage(file, sizeBytes, fd);
  }

  public static DiskImage open(Path file) throws IOException {
    return new DiskImage(
        file, Files.size(file), Fcntl.open(LinuxPath.of(file), OpenFlag.READ_WRITE));
  }

  /** {@return a new image with the content of this one, holes included} */
  public DiskImage copyTo(Path copy) throws IOException {
    Commands.run("cp", "--sparse=auto", "--reflink=auto", file.toString(), copy.toString());
    return open(copy);
  }

  public Path file() {
    return file;
  }

  public long sizeBytes() {
    return sizeBytes;
  }

  /** Fills the buffer. */
  void read(ByteBuffer into, long offset) throws IOException {
    long at = offset;
    while (into.hasRemaining()) {
      int read = Unistd.pread(fd, into, at);
      if (read == 0) {
        throw new IOException("read beyond the end of " + file + " at " + at);
      }
      at += read;
    }
  }

  /** Writes what remains of the buffer. */
  void write(ByteBuffer from, long offset) throws IOException {
    long at = offset;
    while (from.hasRemaining()) {
      at += Unistd.pwrite(fd, from, at);
    }
  }

  /** Zeroes a range, as a hole where possible. */
  void zero(long offset, long length) throws IOException {
    Fcntl.fallocate(fd, offset, length, FallocateFlag.PUNCH_HOLE, FallocateFlag.KEEP_SIZE);
  }

  @Override
  public void close() {
    fd.close();
  }
}
