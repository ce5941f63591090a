package io.gatun.linux;

/** How move_mount(2) resolves the source and the target. */
public enum MoveMountFlag {
  FROM_SYMLINKS(Abi.MOVE_MOUNT_F_SYMLINKS),
  FROM_AUTOMOUNTS(Abi.MOVE_MOUNT_F_AUTOMOUNTS),
  /** An empty path means the descriptor itself, such as one of fsmount or open_tree. */
  FROM_EMPTY_PATH(Abi.MOVE_MOUNT_F_EMPTY_PATH),
  TO_SYMLINKS(Abi.MOVE_MOUNT_T_SYMLINKS),
  TO_AUTOMOUNTS(Abi.MOVE_MOUNT_T_AUTOMOUNTS),
  TO_EMPTY_PATH(Abi.MOVE_MOUNT_T_EMPTY_PATH),
  /** Moves nothing; adds the target to the propagation group of the source. Linux 5.15. */
  SET_GROUP(Abi.MOVE_MOUNT_SET_GROUP),
  /** Attaches below the top mount, which can then be unmounted. Linux 6.5. */
  BENEATH(Abi.MOVE_MOUNT_BENEATH);

  final int bits;

  MoveMountFlag(int bits) {
    this.bits = bits;
  }
}
