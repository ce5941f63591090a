package io.gatun.linux;

/** How fspick(2) resolves the mount whose filesystem it reconfigures. */
public enum PickFlag {
  SYMLINK_NOFOLLOW(Abi.FSPICK_SYMLINK_NOFOLLOW),
  NO_AUTOMOUNT(Abi.FSPICK_NO_AUTOMOUNT),
  /** An empty path means the descriptor itself. */
  EMPTY_PATH(Abi.FSPICK_EMPTY_PATH);

  final int bits;

  PickFlag(int bits) {
    this.bits = bits;
  }
}
