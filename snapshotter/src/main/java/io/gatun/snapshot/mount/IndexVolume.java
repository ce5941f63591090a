package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FilesystemType;
import io.gatun.linux.Ioctl;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Loop;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Stat;
import io.gatun.linux.Statfs;
import io.gatun.linux.Unistd;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.UUID;

/**
 * Which index an EROFS filesystem is: the UUID of its superblock. Indexes have the same one only if
 * they are the same.
 *
 * <p>All of it counts. statfs(2) tells 64 bits of it, of which whoever makes images can find two
 * layers that have the same.
 */
record IndexVolume(UUID uuid) {

  /** From the beginning of the superblock, which is at 1024: fs/erofs/erofs_fs.h. */
  private static final long UUID_OFFSET = 1024 + 48;

  private static final int UUID_BYTES = 16;

  private static final LinuxPath SELF = LinuxPath.of(".");

  /**
   * {@return which index a file or a device holds; {@code EIO} if it is too short for one}
   *
   * @param image open for reading
   */
  static IndexVolume of(Fd image) throws ErrnoException {
    ByteBuffer uuid = ByteBuffer.allocateDirect(UUID_BYTES);
    while (uuid.hasRemaining()) {
      if (Unistd.pread(image, uuid, UUID_OFFSET + uuid.position()) == 0) {
        throw new ErrnoException("pread", Errno.EIO, image.path());
      }
    }
    uuid.flip();
    return new IndexVolume(new UUID(uuid.getLong(), uuid.getLong()));
  }

  /**
   * {@return which index is mounted at a place, if one is}
   *
   * <p>A loop device is asked itself: what it shows may be mounted by a kernel that does not tell,
   * as one before Linux 6.9. A kernel that reads an index from a file does.
   *
   * @param top the place, open in whatever way
   */
  static Optional<IndexVolume> mountedAt(Fd top) throws ErrnoException {
    if (Statfs.fstatfs(top).type() != FilesystemType.EROFS) {
      return Optional.empty();
    }
    Optional<LinuxPath> device = Loop.nodeOf(Stat.statx(top).device());
    if (device.isPresent()) {
      try (Fd image = Fcntl.open(device.get())) {
        return Optional.of(of(image));
      }
    }
    try (Fd directory = Fcntl.openat(top, SELF, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      return Optional.of(new IndexVolume(Ioctl.filesystemUuid(directory)));
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOTTY)) {
        // On a device of somebody else's.
        return Optional.empty();
      }
      throw e;
    }
  }
}
