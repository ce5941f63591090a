package io.gatun.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/** Decodes {@code struct statx}. */
final class Statx {

  private static final long MASK = Layouts.offset(Layouts.STATX, "stx_mask");
  private static final long NLINK = Layouts.offset(Layouts.STATX, "stx_nlink");
  private static final long UID = Layouts.offset(Layouts.STATX, "stx_uid");
  private static final long GID = Layouts.offset(Layouts.STATX, "stx_gid");
  private static final long MODE = Layouts.offset(Layouts.STATX, "stx_mode");
  private static final long INO = Layouts.offset(Layouts.STATX, "stx_ino");
  private static final long SIZE = Layouts.offset(Layouts.STATX, "stx_size");
  private static final long BLOCKS = Layouts.offset(Layouts.STATX, "stx_blocks");
  private static final long ATIME = Layouts.offset(Layouts.STATX, "stx_atime");
  private static final long CTIME = Layouts.offset(Layouts.STATX, "stx_ctime");
  private static final long MTIME = Layouts.offset(Layouts.STATX, "stx_mtime");
  private static final long RDEV_MAJOR = Layouts.offset(Layouts.STATX, "stx_rdev_major");
  private static final long RDEV_MINOR = Layouts.offset(Layouts.STATX, "stx_rdev_minor");
  private static final long DEV_MAJOR = Layouts.offset(Layouts.STATX, "stx_dev_major");
  private static final long DEV_MINOR = Layouts.offset(Layouts.STATX, "stx_dev_minor");
  private static final long MNT_ID = Layouts.offset(Layouts.STATX, "stx_mnt_id");
  private static final long TV_SEC = Layouts.offset(Layouts.STATX_TIMESTAMP, "tv_sec");
  private static final long TV_NSEC = Layouts.offset(Layouts.STATX_TIMESTAMP, "tv_nsec");

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
        device(struct.get(JAVA_INT, DEV_MAJOR), struct.get(JAVA_INT, DEV_MINOR)),
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

  /** {@return the number that makedev(3) of the C library computes and other programs show} */
  static long device(int major, int minor) {
    return (major & 0xffff_f000L) << 32
        | (major & 0xfffL) << 8
        | (minor & 0xffff_ff00L) << 12
        | (minor & 0xffL);
  }
}
