package io.gatun.linux;

/** How umount2(2) treats a mount that is in use. Without a flag, that is {@code EBUSY}. */
public enum UnmountFlag {
  FORCE(Abi.MNT_FORCE),
  /** Takes it out of the tree now, and unmounts it when nobody uses it any more. */
  DETACH(Abi.MNT_DETACH),
  EXPIRE(Abi.MNT_EXPIRE),
  /** Does not follow the target if it is a symbolic link. */
  NO_FOLLOW(Abi.UMOUNT_NOFOLLOW);

  final int bits;

  UnmountFlag(int bits) {
    this.bits = bits;
  }
}
