package io.gatun.linux.file;

/** Filesystems identified by the magic number of statfs(2), {@code linux/magic.h}. */
public enum FilesystemType {
  /** Also ext2 and ext3, which share the number. */
  EXT4(Abi.EXT4_SUPER_MAGIC),
  XFS(Abi.XFS_SUPER_MAGIC),
  BTRFS(Abi.BTRFS_SUPER_MAGIC),
  F2FS(Abi.F2FS_SUPER_MAGIC),
  TMPFS(Abi.TMPFS_MAGIC),
  RAMFS(Abi.RAMFS_MAGIC),
  OVERLAY(Abi.OVERLAYFS_SUPER_MAGIC),
  EROFS(Abi.EROFS_SUPER_MAGIC_V1),
  SQUASHFS(Abi.SQUASHFS_MAGIC),
  NFS(Abi.NFS_SUPER_MAGIC),
  FUSE(Abi.FUSE_SUPER_MAGIC),
  PROC(Abi.PROC_SUPER_MAGIC),
  SYSFS(Abi.SYSFS_MAGIC),
  /** Any other. */
  UNKNOWN(0);

  private final int magic;

  FilesystemType(int magic) {
    this.magic = magic;
  }

  static FilesystemType ofMagic(int magic) {
    for (FilesystemType type : values()) {
      if (type.magic == magic) {
        return type;
      }
    }
    return UNKNOWN;
  }
}
