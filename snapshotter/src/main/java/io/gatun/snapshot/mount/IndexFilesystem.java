package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.mount.Loop;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountAttribute;

/**
 * Creates a filesystem from an index and its tar.
 *
 * <p>The mount is read-only and has no other flags: a set-user-id program or device of the layer
 * must work as in a directory, also through a bind mount, which has the same flags.
 *
 * @param access how the kernel reads the files
 * @param selinuxContext the SELinux context of all files (mount(8), {@code context}), since the
 *     filesystem stores none; empty for the policy's default
 */
public record IndexFilesystem(IndexAccess access, String selinuxContext) {

  private static final String TYPE = "erofs";

  /** An index has the block size of a tar. */
  private static final int BLOCK_BYTES = 512;

  /**
   * {@return a detached mount, which ends when it is closed unless it is attached before} {@code
   * ENOTBLK} if the kernel cannot read it from files, as before Linux 6.12 and on tmpfs.
   */
  Fd mount(Fd tar, Fd index) throws ErrnoException {
    return switch (access) {
      case DIRECT, FILE -> mount(placeOf(tar), placeOf(index));
      case LOOP -> mountDevices(tar, index);
    };
  }

  /** The mount then holds the devices, which are freed with it. */
  private Fd mountDevices(Fd tar, Fd index) throws ErrnoException {
    try (Fd data = Loop.attach(tar, BLOCK_BYTES, true);
        Fd image = Loop.attach(index, BLOCK_BYTES, true)) {
      return mount(data.path().toString(), image.path().toString());
    }
  }

  private Fd mount(String data, String image) throws ErrnoException {
    try (Fd context = Mounts.fsopen(TYPE)) {
      Mounts.fsconfigSetString(context, "source", image);
      Mounts.fsconfigSetString(context, "device", data);
      if (access == IndexAccess.DIRECT) {
        Mounts.fsconfigSetFlag(context, "directio");
      }
      Mounts.fsconfigSetFlag(context, "ro");
      if (!selinuxContext.isEmpty()) {
        Mounts.fsconfigSetString(context, "context", selinuxContext);
      }
      Mounts.fsconfigCreate(context);
      return Mounts.fsmount(context, MountAttribute.READ_ONLY);
    }
  }

  /** Refers to the open file even if its name changes, and is short enough for an option. */
  private static String placeOf(Fd file) {
    return "/proc/self/fd/" + file.number();
  }
}
