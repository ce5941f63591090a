package io.gatun.linux;

/** How open_tree(2) opens a tree. Without a flag, like an open with {@link OpenFlag#PATH}. */
public enum OpenTreeFlag {
  /** A detached copy of the mount, like a bind mount; it ends when the descriptor is closed. */
  CLONE(Abi.OPEN_TREE_CLONE),
  /** Only with {@link #CLONE}: includes the mounts below. */
  RECURSIVE(Abi.AT_RECURSIVE),
  /** An empty path means the descriptor itself. */
  EMPTY_PATH(Abi.AT_EMPTY_PATH),
  NO_AUTOMOUNT(Abi.AT_NO_AUTOMOUNT),
  SYMLINK_NOFOLLOW(Abi.AT_SYMLINK_NOFOLLOW);

  final int bits;

  OpenTreeFlag(int bits) {
    this.bits = bits;
  }
}
