package io.gatun.linux.file;

import static java.lang.foreign.MemoryLayout.paddingLayout;
import static java.lang.foreign.MemoryLayout.sequenceLayout;
import static java.lang.foreign.MemoryLayout.structLayout;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.StructLayout;

/**
 * The constants and structures of files, under their C names and with their headers. {@code
 * AbiTest} compares them with the headers by means of the C compiler. Unnamed members of structures
 * are unused.
 */
final class Abi {

  private static final boolean ARM = System.getProperty("os.arch", "").equals("aarch64");

  // linux/fcntl.h, asm-generic/fcntl.h; four of them differ on arm.
  static final int O_RDONLY = 00;
  static final int O_WRONLY = 01;
  static final int O_RDWR = 02;
  static final int O_CREAT = 0100;
  static final int O_EXCL = 0200;
  static final int O_TRUNC = 01000;
  static final int O_APPEND = 02000;
  static final int O_NONBLOCK = 04000;
  static final int O_DIRECT = ARM ? 0200000 : 040000;
  static final int O_DIRECTORY = ARM ? 040000 : 0200000;
  static final int O_NOFOLLOW = ARM ? 0100000 : 0400000;
  static final int O_NOATIME = 01000000;
  static final int O_CLOEXEC = 02000000;
  static final int O_PATH = 010000000;
  static final int O_TMPFILE = 020000000 | O_DIRECTORY;

  // linux/fcntl.h
  static final int AT_SYMLINK_NOFOLLOW = 0x100;
  static final int AT_REMOVEDIR = 0x200;
  static final int AT_SYMLINK_FOLLOW = 0x400;
  static final int AT_EMPTY_PATH = 0x1000;

  // linux/fadvise.h
  static final int POSIX_FADV_DONTNEED = 4;

  // linux/openat2.h
  static final int RESOLVE_NO_XDEV = 0x01;
  static final int RESOLVE_NO_MAGICLINKS = 0x02;
  static final int RESOLVE_NO_SYMLINKS = 0x04;
  static final int RESOLVE_BENEATH = 0x08;
  static final int RESOLVE_IN_ROOT = 0x10;
  static final int RESOLVE_CACHED = 0x20;

  // linux/fs.h
  static final int RENAME_NOREPLACE = 1;
  static final int RENAME_EXCHANGE = 2;
  static final int RENAME_WHITEOUT = 4;
  static final int SYNC_FILE_RANGE_WRITE = 2;

  // unistd.h, linux/fs.h
  static final int SEEK_SET = 0;
  static final int SEEK_DATA = 3;
  static final int SEEK_HOLE = 4;

  // linux/limits.h
  static final int PATH_MAX = 4096;
  static final int XATTR_NAME_MAX = 255;
  static final int XATTR_SIZE_MAX = 65536;
  static final int XATTR_LIST_MAX = 65536;

  // sys/file.h
  static final int LOCK_EX = 2;
  static final int LOCK_NB = 4;

  // linux/falloc.h
  static final int FALLOC_FL_KEEP_SIZE = 0x01;
  static final int FALLOC_FL_PUNCH_HOLE = 0x02;

  // linux/stat.h
  static final int S_IFMT = 0170000;
  static final int S_IFSOCK = 0140000;
  static final int S_IFLNK = 0120000;
  static final int S_IFREG = 0100000;
  static final int S_IFBLK = 0060000;
  static final int S_IFDIR = 0040000;
  static final int S_IFCHR = 0020000;
  static final int S_IFIFO = 0010000;
  static final int STATX_BASIC_STATS = 0x7ff;
  static final int STATX_MNT_ID = 0x1000;

  // linux/fs.h: ioctls on files, and the flags of FS_IOC_GETFLAGS
  static final long FICLONE = 0x4004_9409L;
  static final long FS_IOC_GETFLAGS = 0x8008_6601L;
  static final long FS_IOC_SETFLAGS = 0x4008_6602L;
  static final long FS_IOC_GETFSUUID = 0x8011_1500L;
  static final int FS_SYNC_FL = 0x8;
  static final int FS_IMMUTABLE_FL = 0x10;
  static final int FS_APPEND_FL = 0x20;
  static final int FS_NODUMP_FL = 0x40;
  static final int FS_NOATIME_FL = 0x80;
  static final int FS_TOPDIR_FL = 0x20000;
  static final int FS_VERITY_FL = 0x100000;
  static final int FS_NOCOW_FL = 0x800000;

  // linux/fsverity.h
  static final long FS_IOC_ENABLE_VERITY = 0x4080_6685L;
  static final int FS_VERITY_HASH_ALG_SHA256 = 1;

  // sys/statvfs.h: f_flags of statfs(2)
  static final int ST_RDONLY = 1;

  // linux/magic.h: f_type of statfs(2)
  static final int EXT4_SUPER_MAGIC = 0xef53;
  static final int XFS_SUPER_MAGIC = 0x58465342;
  static final int BTRFS_SUPER_MAGIC = 0x9123683e;
  static final int TMPFS_MAGIC = 0x1021994;
  static final int RAMFS_MAGIC = 0x858458f6;
  static final int OVERLAYFS_SUPER_MAGIC = 0x794c7630;
  static final int EROFS_SUPER_MAGIC_V1 = 0xe0f5e1e2;
  static final int SQUASHFS_MAGIC = 0x73717368;
  static final int F2FS_SUPER_MAGIC = 0xf2f52010;
  static final int NFS_SUPER_MAGIC = 0x6969;
  static final int FUSE_SUPER_MAGIC = 0x65735546;
  static final int PROC_SUPER_MAGIC = 0x9fa0;
  static final int SYSFS_MAGIC = 0x62656572;

  /** linux/types.h, and time.h on 64-bit systems. */
  static final StructLayout TIMESPEC =
      structLayout(JAVA_LONG.withName("tv_sec"), JAVA_LONG.withName("tv_nsec"))
          .withName("timespec");

  /** linux/stat.h. */
  static final StructLayout STATX_TIMESTAMP =
      structLayout(
              JAVA_LONG.withName("tv_sec"),
              JAVA_INT.withName("tv_nsec"),
              paddingLayout(Integer.BYTES))
          .withName("statx_timestamp");

  /** linux/stat.h. */
  static final StructLayout STATX =
      structLayout(
              JAVA_INT.withName("stx_mask"),
              JAVA_INT.withName("stx_blksize"),
              JAVA_LONG.withName("stx_attributes"),
              JAVA_INT.withName("stx_nlink"),
              JAVA_INT.withName("stx_uid"),
              JAVA_INT.withName("stx_gid"),
              JAVA_SHORT.withName("stx_mode"),
              paddingLayout(Short.BYTES),
              JAVA_LONG.withName("stx_ino"),
              JAVA_LONG.withName("stx_size"),
              JAVA_LONG.withName("stx_blocks"),
              JAVA_LONG.withName("stx_attributes_mask"),
              STATX_TIMESTAMP.withName("stx_atime"),
              STATX_TIMESTAMP.withName("stx_btime"),
              STATX_TIMESTAMP.withName("stx_ctime"),
              STATX_TIMESTAMP.withName("stx_mtime"),
              JAVA_INT.withName("stx_rdev_major"),
              JAVA_INT.withName("stx_rdev_minor"),
              JAVA_INT.withName("stx_dev_major"),
              JAVA_INT.withName("stx_dev_minor"),
              JAVA_LONG.withName("stx_mnt_id"),
              // Later kernels name these; the size never changes.
              paddingLayout(13 * Long.BYTES))
          .withName("statx");

  /** linux/openat2.h. */
  static final StructLayout OPEN_HOW =
      structLayout(
              JAVA_LONG.withName("flags"),
              JAVA_LONG.withName("mode"),
              JAVA_LONG.withName("resolve"))
          .withName("open_how");

  /** linux/mman.h. */
  static final StructLayout CACHESTAT_RANGE =
      structLayout(JAVA_LONG.withName("off"), JAVA_LONG.withName("len"))
          .withName("cachestat_range");

  /** linux/mman.h. */
  static final StructLayout CACHESTAT =
      structLayout(
              JAVA_LONG.withName("nr_cache"),
              JAVA_LONG.withName("nr_dirty"),
              JAVA_LONG.withName("nr_writeback"),
              JAVA_LONG.withName("nr_evicted"),
              JAVA_LONG.withName("nr_recently_evicted"))
          .withName("cachestat");

  /** linux/fs.h. */
  static final StructLayout FSUUID2 =
      structLayout(JAVA_BYTE.withName("len"), sequenceLayout(16, JAVA_BYTE).withName("uuid"))
          .withName("fsuuid2");

  /** linux/fsverity.h. */
  static final StructLayout FSVERITY_ENABLE_ARG =
      structLayout(
              JAVA_INT.withName("version"),
              JAVA_INT.withName("hash_algorithm"),
              JAVA_INT.withName("block_size"),
              // A salt and a signature, unused here.
              paddingLayout(116))
          .withName("fsverity_enable_arg");

  /** asm-generic/statfs.h on 64-bit systems. */
  static final StructLayout STATFS =
      structLayout(
              JAVA_LONG.withName("f_type"),
              JAVA_LONG.withName("f_bsize"),
              JAVA_LONG.withName("f_blocks"),
              JAVA_LONG.withName("f_bfree"),
              JAVA_LONG.withName("f_bavail"),
              JAVA_LONG.withName("f_files"),
              JAVA_LONG.withName("f_ffree"),
              JAVA_LONG.withName("f_fsid"),
              JAVA_LONG.withName("f_namelen"),
              JAVA_LONG.withName("f_frsize"),
              JAVA_LONG.withName("f_flags"),
              paddingLayout(4 * Long.BYTES))
          .withName("statfs");

  /** linux/dirent.h has it for the kernel only; dirent.h of the C library has the same layout. */
  static final StructLayout DIRENT64 =
      structLayout(
              JAVA_LONG.withName("d_ino"),
              JAVA_LONG.withName("d_off"),
              JAVA_SHORT.withName("d_reclen"),
              JAVA_BYTE.withName("d_type"),
              sequenceLayout(256, JAVA_BYTE).withName("d_name"),
              paddingLayout(5))
          .withName("dirent64");

  private Abi() {}
}
