package io.gatun.linux;

/** How move_mount(2) finds the mount to move and the place to attach it. */
public enum MoveMountFlag {
  FROM_SYMLINKS(Abi.MOVE_MOUNT_F_SYMLINKS),
  FROM_AUTOMOUNTS(Abi.MOVE_MOUNT_F_AUTOMOUNTS),
  /** An empty path stands for the descriptor itself, such as one of fsmount or open_tree. */
  FROM_EMPTY_PATH(Abi.MOVE_MOUNT_F_EMPTY_PATH),
  TO_SYMLINKS(Abi.MOVE_MOUNT_T_SYMLINKS),
  TO_AUTOMOUNTS(Abi.MOVE_MOUNT_T_AUTOMOUNTS),
  TO_EMPTY_PATH(Abi.MOVE_MOUNT_T_EMPTY_PATH),
  /** Moves nothing, but lets the target take part in the propagation of the source. Linux 5.15. */
  SET_GROUP(Abi.MOVE_MOUNT_SET_GROUP),
  /** Attaches below the mount that is there, which can then be unmounted. Linux 6.5. */
  BENEATH(Abi.MOVE_MOUNT_BENEATH);

  final int bits;

  MoveMountFlag(int bits) {
    this.bits = bits;
  }
}
