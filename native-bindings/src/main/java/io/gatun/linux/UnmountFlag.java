package io.gatun.linux;

/** How umount2(2) treats a mount in use. Without a flag, it fails with {@code EBUSY}. */
public enum UnmountFlag {
  FORCE(Abi.MNT_FORCE),
  /** Removes it from the tree now, and unmounts it after its last use. */
  DETACH(Abi.MNT_DETACH),
  EXPIRE(Abi.MNT_EXPIRE),
  /** Does not follow the target if it is a symbolic link. */
  NO_FOLLOW(Abi.UMOUNT_NOFOLLOW);

  final int bits;

  UnmountFlag(int bits) {
    this.bits = bits;
  }
}
