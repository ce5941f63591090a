package io.gatun.linux;

/**
 * What the calls that take a directory and a path have in common. Which ones a call understands is
 * in its man page; the kernel answers {@code EINVAL} to others.
 */
public enum AtFlag {
  SYMLINK_NOFOLLOW(Abi.AT_SYMLINK_NOFOLLOW),
  /** Only for linkat, which does not follow otherwise. */
  SYMLINK_FOLLOW(Abi.AT_SYMLINK_FOLLOW),
  /** Only for unlinkat: remove a directory instead of anything else. */
  REMOVE_DIRECTORY(Abi.AT_REMOVEDIR),
  /** An empty path stands for the descriptor itself. */
  EMPTY_PATH(Abi.AT_EMPTY_PATH),
  NO_AUTOMOUNT(Abi.AT_NO_AUTOMOUNT),
  /** Only for statx: ask a remote server, even if that is slow. */
  FORCE_SYNC(Abi.AT_STATX_FORCE_SYNC),
  /** Only for statx: take what is cached, even if a remote server knows better. */
  DONT_SYNC(Abi.AT_STATX_DONT_SYNC),
  /** Only for open_tree and mount_setattr: the mounts below, too. */
  RECURSIVE(Abi.AT_RECURSIVE);

  final int bits;

  AtFlag(int bits) {
    this.bits = bits;
  }
}
