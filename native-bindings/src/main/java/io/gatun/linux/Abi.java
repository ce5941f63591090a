package io.gatun.linux;

/**
 * The kernel's constants under their C names, with their headers; other classes refer to them here.
 * {@code AbiTest} compares them with the headers by means of the C compiler.
 */
final class Abi {

  private static final String ARCHITECTURE = System.getProperty("os.arch", "");
  private static final boolean ARM = ARCHITECTURE.equals("aarch64");
  private static final boolean X86 = ARCHITECTURE.equals("amd64");

  // linux/fcntl.h, asm-generic/fcntl.h; four of them differ on arm.
  static final int O_RDONLY = 00;
  static final int O_WRONLY = 01;
  static final int O_RDWR = 02;
  static final int O_CREAT = 0100;
  static final int O_EXCL = 0200;
  static final int O_NOCTTY = 0400;
  static final int O_TRUNC = 01000;
  static final int O_APPEND = 02000;
  static final int O_NONBLOCK = 04000;
  static final int O_DSYNC = 010000;
  static final int O_DIRECT = ARM ? 0200000 : 040000;
  static final int O_DIRECTORY = ARM ? 040000 : 0200000;
  static final int O_NOFOLLOW = ARM ? 0100000 : 0400000;
  static final int O_NOATIME = 01000000;
  static final int O_CLOEXEC = 02000000;
  static final int O_SYNC = 04010000;
  static final int O_PATH = 010000000;
  static final int O_TMPFILE = 020000000 | O_DIRECTORY;

  // linux/fcntl.h
  static final int AT_FDCWD = -100;
  static final int AT_SYMLINK_NOFOLLOW = 0x100;
  static final int AT_REMOVEDIR = 0x200;
  static final int AT_SYMLINK_FOLLOW = 0x400;
  static final int AT_NO_AUTOMOUNT = 0x800;
  static final int AT_EMPTY_PATH = 0x1000;
  static final int AT_STATX_FORCE_SYNC = 0x2000;
  static final int AT_STATX_DONT_SYNC = 0x4000;
  static final int AT_RECURSIVE = 0x8000;

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
  static final int SYNC_FILE_RANGE_WAIT_BEFORE = 1;
  static final int SYNC_FILE_RANGE_WRITE = 2;
  static final int SYNC_FILE_RANGE_WAIT_AFTER = 4;

  // unistd.h, linux/fs.h
  static final int SEEK_SET = 0;
  static final int SEEK_DATA = 3;
  static final int SEEK_HOLE = 4;

  // linux/limits.h
  static final int PATH_MAX = 4096;
  static final int XATTR_NAME_MAX = 255;
  static final int XATTR_SIZE_MAX = 65536;
  static final int XATTR_LIST_MAX = 65536;

  // linux/xattr.h
  static final int XATTR_CREATE = 1;
  static final int XATTR_REPLACE = 2;

  // sys/file.h
  static final int LOCK_SH = 1;
  static final int LOCK_EX = 2;
  static final int LOCK_NB = 4;
  static final int LOCK_UN = 8;

  // linux/falloc.h
  static final int FALLOC_FL_KEEP_SIZE = 0x01;
  static final int FALLOC_FL_PUNCH_HOLE = 0x02;
  static final int FALLOC_FL_COLLAPSE_RANGE = 0x08;
  static final int FALLOC_FL_ZERO_RANGE = 0x10;
  static final int FALLOC_FL_INSERT_RANGE = 0x20;
  static final int FALLOC_FL_UNSHARE_RANGE = 0x40;

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
  static final int UTIME_NOW = 0x3fffffff;
  static final int UTIME_OMIT = 0x3ffffffe;

  // linux/fs.h: ioctls on files, and the flags of FS_IOC_GETFLAGS
  static final long FICLONE = 0x4004_9409L;
  static final long FICLONERANGE = 0x4020_940dL;
  static final long FS_IOC_GETFLAGS = 0x8008_6601L;
  static final long FS_IOC_SETFLAGS = 0x4008_6602L;
  static final long FS_IOC_GETFSUUID = 0x8011_1500L;
  static final int FS_COMPR_FL = 0x4;
  static final int FS_SYNC_FL = 0x8;
  static final int FS_IMMUTABLE_FL = 0x10;
  static final int FS_APPEND_FL = 0x20;
  static final int FS_NODUMP_FL = 0x40;
  static final int FS_NOATIME_FL = 0x80;
  static final int FS_NOCOMP_FL = 0x400;
  static final int FS_JOURNAL_DATA_FL = 0x4000;
  static final int FS_DIRSYNC_FL = 0x10000;
  static final int FS_TOPDIR_FL = 0x20000;
  static final int FS_EXTENT_FL = 0x80000;
  static final int FS_VERITY_FL = 0x100000;
  static final int FS_NOCOW_FL = 0x800000;
  static final int FS_DAX_FL = 0x2000000;
  static final int FS_PROJINHERIT_FL = 0x20000000;
  static final int FS_CASEFOLD_FL = 0x40000000;

  // linux/fsverity.h
  static final long FS_IOC_ENABLE_VERITY = 0x4080_6685L;
  static final int FS_VERITY_HASH_ALG_SHA256 = 1;

  // linux/loop.h
  static final long LOOP_CTL_GET_FREE = 0x4c82L;
  static final long LOOP_CONFIGURE = 0x4c0aL;
  static final long LOOP_GET_STATUS64 = 0x4c05L;
  static final int LO_FLAGS_READ_ONLY = 1;
  static final int LO_FLAGS_AUTOCLEAR = 4;
  static final int LO_FLAGS_DIRECT_IO = 16;

  // linux/mount.h: mount(2) and umount2(2)
  static final int MS_RDONLY = 1;
  static final int MS_NOSUID = 2;
  static final int MS_NODEV = 4;
  static final int MS_NOEXEC = 8;
  static final int MS_SYNCHRONOUS = 16;
  static final int MS_REMOUNT = 32;
  static final int MS_DIRSYNC = 128;
  static final int MS_NOSYMFOLLOW = 256;
  static final int MS_NOATIME = 1024;
  static final int MS_NODIRATIME = 2048;
  static final int MS_BIND = 4096;
  static final int MS_MOVE = 8192;
  static final int MS_REC = 16384;
  static final int MS_SILENT = 32768;
  static final int MS_UNBINDABLE = 1 << 17;
  static final int MS_PRIVATE = 1 << 18;
  static final int MS_SLAVE = 1 << 19;
  static final int MS_SHARED = 1 << 20;
  static final int MS_RELATIME = 1 << 21;
  static final int MS_STRICTATIME = 1 << 24;
  static final int MS_LAZYTIME = 1 << 25;
  static final int MNT_FORCE = 1;
  static final int MNT_DETACH = 2;
  static final int MNT_EXPIRE = 4;
  static final int UMOUNT_NOFOLLOW = 8;

  // linux/mount.h: the newer calls
  static final int OPEN_TREE_CLONE = 1;
  static final int OPEN_TREE_CLOEXEC = O_CLOEXEC;
  static final int MOVE_MOUNT_F_SYMLINKS = 0x1;
  static final int MOVE_MOUNT_F_AUTOMOUNTS = 0x2;
  static final int MOVE_MOUNT_F_EMPTY_PATH = 0x4;
  static final int MOVE_MOUNT_T_SYMLINKS = 0x10;
  static final int MOVE_MOUNT_T_AUTOMOUNTS = 0x20;
  static final int MOVE_MOUNT_T_EMPTY_PATH = 0x40;
  static final int MOVE_MOUNT_SET_GROUP = 0x100;
  static final int MOVE_MOUNT_BENEATH = 0x200;
  static final int FSOPEN_CLOEXEC = 1;
  static final int FSPICK_CLOEXEC = 1;
  static final int FSPICK_SYMLINK_NOFOLLOW = 2;
  static final int FSPICK_NO_AUTOMOUNT = 4;
  static final int FSPICK_EMPTY_PATH = 8;
  static final int FSMOUNT_CLOEXEC = 1;
  static final int FSCONFIG_SET_FLAG = 0;
  static final int FSCONFIG_SET_STRING = 1;
  static final int FSCONFIG_SET_BINARY = 2;
  static final int FSCONFIG_SET_PATH = 3;
  static final int FSCONFIG_SET_PATH_EMPTY = 4;
  static final int FSCONFIG_SET_FD = 5;
  static final int FSCONFIG_CMD_CREATE = 6;
  static final int FSCONFIG_CMD_RECONFIGURE = 7;
  static final int FSCONFIG_CMD_CREATE_EXCL = 8;
  static final int MOUNT_ATTR_RDONLY = 0x1;
  static final int MOUNT_ATTR_NOSUID = 0x2;
  static final int MOUNT_ATTR_NODEV = 0x4;
  static final int MOUNT_ATTR_NOEXEC = 0x8;
  static final int MOUNT_ATTR__ATIME = 0x70;
  static final int MOUNT_ATTR_RELATIME = 0x0;
  static final int MOUNT_ATTR_NOATIME = 0x10;
  static final int MOUNT_ATTR_STRICTATIME = 0x20;
  static final int MOUNT_ATTR_NODIRATIME = 0x80;
  static final int MOUNT_ATTR_IDMAP = 0x100000;
  static final int MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

  // linux/sched.h
  static final int CLONE_VM = 0x100;
  static final int CLONE_FS = 0x200;
  static final int CLONE_VFORK = 0x4000;
  static final int CLONE_NEWNS = 0x20000;
  static final int CLONE_NEWUTS = 0x4000000;
  static final int CLONE_NEWIPC = 0x8000000;
  static final int CLONE_NEWUSER = 0x10000000;
  static final int CLONE_NEWPID = 0x20000000;
  static final int CLONE_NEWNET = 0x40000000;

  static final int SCHED_OTHER = 0;
  static final int SCHED_BATCH = 3;

  // linux/wait.h
  static final int __WALL = 0x40000000;

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

  // isa-l.h and isa-l/igzip_lib.h
  static final int ISAL_MAJOR_VERSION = 2;
  static final int ISAL_MINOR_VERSION = 31;
  static final int ISAL_GZIP_NO_HDR_VER = 6;
  static final int ISAL_BLOCK_FINISH = 5;
  static final int ISAL_NEED_DICT = 6;
  static final int ISAL_INVALID_BLOCK = -1;
  static final int ISAL_INVALID_SYMBOL = -2;
  static final int ISAL_INVALID_LOOKBACK = -3;
  static final int ISAL_INCORRECT_CHECKSUM = -6;

  // asm/unistd.h: calls without a function in every C library. From 424 on, numbers are the same
  // everywhere; before that, x86 has a table of its own.
  static final int SYS_getdents64 = X86 ? 217 : 61;
  static final int SYS_mknodat = X86 ? 259 : 33;
  static final int SYS_open_tree = 428;
  static final int SYS_move_mount = 429;
  static final int SYS_fsopen = 430;
  static final int SYS_fsconfig = 431;
  static final int SYS_fsmount = 432;
  static final int SYS_fspick = 433;
  static final int SYS_openat2 = 437;
  static final int SYS_mount_setattr = 442;
  static final int SYS_cachestat = 451;
  static final int SYS_fchmodat2 = 452;

  private Abi() {}
}
