package io.gatun.linux.file;

import static io.gatun.linux.NativeCall.offset;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/** Decodes {@code struct statx}. */
final class Statx {

  private static final long MASK = offset(Abi.STATX, "stx_mask");
  private static final long NLINK = offset(Abi.STATX, "stx_nlink");
  private static final long UID = offset(Abi.STATX, "stx_uid");
  private static final long GID = offset(Abi.STATX, "stx_gid");
  private static final long MODE = offset(Abi.STATX, "stx_mode");
  private static final long INO = offset(Abi.STATX, "stx_ino");
  private static final long SIZE = offset(Abi.STATX, "stx_size");
  private static final long BLOCKS = offset(Abi.STATX, "stx_blocks");
  private static final long ATIME = offset(Abi.STATX, "stx_atime");
  private static final long CTIME = offset(Abi.STATX, "stx_ctime");
  private static final long MTIME = offset(Abi.STATX, "stx_mtime");
  private static final long RDEV_MAJOR = offset(Abi.STATX, "stx_rdev_major");
  private static final long RDEV_MINOR = offset(Abi.STATX, "stx_rdev_minor");
  private static final long DEV_MAJOR = offset(Abi.STATX, "stx_dev_major");
  private static final long DEV_MINOR = offset(Abi.STATX, "stx_dev_minor");
  private static final long MNT_ID = offset(Abi.STATX, "stx_mnt_id");
  private static final long TV_SEC = offset(Abi.STATX_TIMESTAMP, "tv_sec");
  private static final long TV_NSEC = offset(Abi.STATX_TIMESTAMP, "tv_nsec");

  private Statx() {}

  static FileStatus read(MemorySegment struct) {
    int mode = Short.toUnsignedInt(struct.get(JAVA_SHORT, MODE));
    boolean hasMountId = (struct.get(JAVA_INT, MASK) & Abi.STATX_MNT_ID) != 0;
    return new FileStatus(
        NodeType.ofMode(mode),
        mode & ~Abi.S_IFMT,
        struct.get(JAVA_INT, UID),
        struct.get(JAVA_INT, GID),
        struct.get(JAVA_INT, NLINK),
        struct.get(JAVA_LONG, SIZE),
        struct.get(JAVA_LONG, BLOCKS),
        FileStatus.device(struct.get(JAVA_INT, DEV_MAJOR), struct.get(JAVA_INT, DEV_MINOR)),
        struct.get(JAVA_LONG, INO),
        struct.get(JAVA_INT, RDEV_MAJOR),
        struct.get(JAVA_INT, RDEV_MINOR),
        time(struct, ATIME),
        time(struct, MTIME),
        time(struct, CTIME),
        hasMountId ? struct.get(JAVA_LONG, MNT_ID) : 0);
  }

  private static Timespec time(MemorySegment struct, long offset) {
    return new Timespec(
        struct.get(JAVA_LONG, offset + TV_SEC), struct.get(JAVA_INT, offset + TV_NSEC));
  }
}
