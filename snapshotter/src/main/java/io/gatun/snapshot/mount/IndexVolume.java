package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FilesystemType;
import io.gatun.linux.file.Ioctl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.Loop;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.UUID;

/**
 * Identifies the index of an EROFS filesystem by the UUID of its superblock, which is the same only
 * for identical indexes.
 *
 * <p>Compares the whole UUID. statfs(2) returns 64 bits of it, for which an attacker can find two
 * layers with the same value.
 */
record IndexVolume(UUID uuid) {

  /** The superblock is at 1024: fs/erofs/erofs_fs.h. */
  private static final long UUID_OFFSET = 1024 + 48;

  private static final int UUID_BYTES = 16;

  private static final LinuxPath SELF = LinuxPath.of(".");

  /**
   * {@return the index in a file or device; {@code EIO} if it is too short}
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
   * {@return the index mounted at a place, if any}
   *
   * <p>Reads the UUID from a loop device, since kernels before Linux 6.9 do not report it for a
   * mount. Kernels that read an index from a file do report it.
   *
   * @param top the place, open in any mode
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
        // On a foreign device.
        return Optional.empty();
      }
      throw e;
    }
  }
}
