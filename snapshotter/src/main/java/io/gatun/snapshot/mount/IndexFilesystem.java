package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Loop;
import io.gatun.linux.MountAttribute;
import io.gatun.linux.Mounts;

/**
 * Has the kernel make a filesystem of an index and its tar.
 *
 * <p>It is read-only, and nothing else: what runs a set-user-id program or opens a device of the
 * layer must find it as in a directory, also through a bind of the mount, which has its flags.
 *
 * @param access how the kernel gets at the files
 * @param selinuxContext the SELinux context that all files of the filesystem have, which has none
 *     of its own (mount(8), {@code context}); empty for that of the policy
 */
public record IndexFilesystem(IndexAccess access, String selinuxContext) {

  private static final String TYPE = "erofs";

  /** The blocks of an index are those of a tar. */
  private static final int BLOCK_BYTES = 512;

  /**
   * {@return a mount of it that is attached nowhere, and gone when it is closed unless it is
   * attached before} {@code ENOTBLK} if the kernel does not read it from files, as before Linux
   * 6.12 and on a tmpfs.
   */
  Fd mount(Fd tar, Fd index) throws ErrnoException {
    return switch (access) {
      case DIRECT, FILE -> mount(placeOf(tar), placeOf(index));
      case LOOP -> mountDevices(tar, index);
    };
  }

  /** The mount holds the devices from then on, and they free themselves with it. */
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

  /** The very file, whatever has become of its name; and never too long for an option. */
  private static String placeOf(Fd file) {
    return "/proc/self/fd/" + file.number();
  }
}
