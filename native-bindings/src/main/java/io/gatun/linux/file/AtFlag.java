package io.gatun.linux.file;

/**
 * Flags of calls with a directory and a path. Each call's man page lists the flags it supports; the
 * kernel refuses others with {@code EINVAL}.
 */
public enum AtFlag {
  SYMLINK_NOFOLLOW(Abi.AT_SYMLINK_NOFOLLOW),
  /** Only for linkat, which otherwise does not follow. */
  SYMLINK_FOLLOW(Abi.AT_SYMLINK_FOLLOW),
  /** Only for unlinkat: removes a directory. */
  REMOVE_DIRECTORY(Abi.AT_REMOVEDIR),
  /** An empty path means the descriptor itself. */
  EMPTY_PATH(Abi.AT_EMPTY_PATH);

  public final int bits;

  AtFlag(int bits) {
    this.bits = bits;
  }
}
