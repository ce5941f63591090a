package io.gatun.linux;

/**
 * Attributes of a mount, as set by fsmount(2) and mount_setattr(2). Without one of the two for
 * access times, these are updated relative to the modification time.
 */
public enum MountAttribute {
  READ_ONLY(Abi.MOUNT_ATTR_RDONLY),
  NO_SUID(Abi.MOUNT_ATTR_NOSUID),
  NO_DEVICES(Abi.MOUNT_ATTR_NODEV),
  NO_EXEC(Abi.MOUNT_ATTR_NOEXEC),
  NO_ACCESS_TIME(Abi.MOUNT_ATTR_NOATIME),
  STRICT_ACCESS_TIME(Abi.MOUNT_ATTR_STRICTATIME),
  NO_DIRECTORY_ACCESS_TIME(Abi.MOUNT_ATTR_NODIRATIME),
  /** Linux 5.14. */
  NO_SYMLINK_FOLLOW(Abi.MOUNT_ATTR_NOSYMFOLLOW);

  final int bits;

  MountAttribute(int bits) {
    this.bits = bits;
  }
}
