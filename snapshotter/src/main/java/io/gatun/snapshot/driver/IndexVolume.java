package io.gatun.snapshot.driver;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FilesystemStatus;
import io.gatun.linux.FilesystemType;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Loop;
import io.gatun.linux.Stat;
import io.gatun.linux.Statfs;
import io.gatun.linux.Unistd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * Which index an EROFS filesystem is: the UUID of its superblock, as statfs(2) tells it of what is
 * mounted (linux/statfs.h: uuid_to_fsid). Indexes have the same one only if they are the same.
 *
 * @param id the two halves of the UUID, one exclusive-ored with the other
 */
record IndexVolume(long id) {

  /** From the beginning of the superblock, which is at 1024: fs/erofs/erofs_fs.h. */
  private static final long UUID_OFFSET = 1024 + 48;

  private static final int UUID_BYTES = 16;

  /**
   * {@return which index a file or a device holds; {@code EIO} if it is too short for one}
   *
   * @param image open for reading
   */
  static IndexVolume of(Fd image) throws ErrnoException {
    ByteBuffer uuid = ByteBuffer.allocateDirect(UUID_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    while (uuid.hasRemaining()) {
      if (Unistd.pread(image, uuid, UUID_OFFSET + uuid.position()) == 0) {
        throw new ErrnoException("pread", Errno.EIO, image.path());
      }
    }
    return new IndexVolume(uuid.getLong(0) ^ uuid.getLong(Long.BYTES));
  }

  /**
   * {@return which index is mounted at a place, if one is}
   *
   * <p>Of a device, statfs(2) tells the number before Linux 6.10, and so the device is asked.
   *
   * @param top the place, open in whatever way
   */
  static Optional<IndexVolume> mountedAt(Fd top) throws ErrnoException {
    FilesystemStatus status = Statfs.fstatfs(top);
    if (status.type() != FilesystemType.EROFS) {
      return Optional.empty();
    }
    Optional<LinuxPath> device = Loop.nodeOf(Stat.statx(top).device());
    if (device.isEmpty()) {
      return Optional.of(new IndexVolume(status.id()));
    }
    try (Fd image = Fcntl.open(device.get())) {
      return Optional.of(of(image));
    }
  }
}
