package io.gatun.linux;

/** Attributes of {@code chattr(1)}: the flags of FS_IOC_GETFLAGS, {@code ioctl_iflags(2)}. */
public enum InodeFlag {
  COMPRESS(Abi.FS_COMPR_FL),
  SYNC(Abi.FS_SYNC_FL),
  IMMUTABLE(Abi.FS_IMMUTABLE_FL),
  APPEND_ONLY(Abi.FS_APPEND_FL),
  NO_DUMP(Abi.FS_NODUMP_FL),
  NO_ACCESS_TIME(Abi.FS_NOATIME_FL),
  NO_COMPRESS(Abi.FS_NOCOMP_FL),
  JOURNAL_DATA(Abi.FS_JOURNAL_DATA_FL),
  DIRECTORY_SYNC(Abi.FS_DIRSYNC_FL),
  /** On ext4: the subdirectories are unrelated and spread over the disk. */
  TOP_OF_HIERARCHIES(Abi.FS_TOPDIR_FL),
  /** Maintained by the filesystem: the content is mapped by extents. */
  EXTENTS(Abi.FS_EXTENT_FL),
  /** Maintained by the filesystem: the content is protected by fs-verity. */
  VERITY(Abi.FS_VERITY_FL),
  /**
   * On btrfs: overwritten in place, which prevents sharing blocks with a file without this flag.
   */
  NO_COPY_ON_WRITE(Abi.FS_NOCOW_FL),
  DAX(Abi.FS_DAX_FL),
  PROJECT_INHERIT(Abi.FS_PROJINHERIT_FL),
  CASE_FOLD(Abi.FS_CASEFOLD_FL);

  final int bits;

  InodeFlag(int bits) {
    this.bits = bits;
  }
}
