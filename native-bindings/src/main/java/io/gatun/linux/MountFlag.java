package io.gatun.linux;

/** Operations of mount(2) and flags of the mount. */
public enum MountFlag {
  READ_ONLY(Abi.MS_RDONLY),
  NO_SUID(Abi.MS_NOSUID),
  NO_DEVICES(Abi.MS_NODEV),
  NO_EXEC(Abi.MS_NOEXEC),
  SYNCHRONOUS(Abi.MS_SYNCHRONOUS),
  /** Changes a mount; with {@link #BIND}, only its own flags and not the filesystem's. */
  REMOUNT(Abi.MS_REMOUNT),
  DIRECTORY_SYNC(Abi.MS_DIRSYNC),
  NO_SYMLINK_FOLLOW(Abi.MS_NOSYMFOLLOW),
  NO_ACCESS_TIME(Abi.MS_NOATIME),
  NO_DIRECTORY_ACCESS_TIME(Abi.MS_NODIRATIME),
  /**
   * Mounts a tree at a second place. All other flags but {@link #RECURSIVE} are ignored; remount to
   * set them.
   */
  BIND(Abi.MS_BIND),
  MOVE(Abi.MS_MOVE),
  RECURSIVE(Abi.MS_REC),
  SILENT(Abi.MS_SILENT),
  UNBINDABLE(Abi.MS_UNBINDABLE),
  PRIVATE(Abi.MS_PRIVATE),
  SLAVE(Abi.MS_SLAVE),
  SHARED(Abi.MS_SHARED),
  RELATIVE_ACCESS_TIME(Abi.MS_RELATIME),
  STRICT_ACCESS_TIME(Abi.MS_STRICTATIME),
  LAZY_TIME(Abi.MS_LAZYTIME);

  final int bits;

  MountFlag(int bits) {
    this.bits = bits;
  }
}
