package io.gatun.linux.file;

import static io.gatun.linux.NativeCall.offset;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/**
 * The status of an inode: {@code struct statx}, {@code statx(2)}.
 *
 * @param mode permission bits with set-user-id, set-group-id and sticky: {@code 07777}
 * @param uid the owner, unsigned
 * @param gid the group, unsigned
 * @param links the number of hard links
 * @param sizeBytes the length of the content, or of a symbolic link's target
 * @param blocks the space on disk, in units of 512 bytes on every filesystem
 * @param device the filesystem, like {@code st_dev}
 * @param inode its number on that filesystem
 * @param rdevMajor for a device node, otherwise 0
 * @param rdevMinor for a device node, otherwise 0
 * @param accessed atime
 * @param modified mtime
 * @param changed ctime
 * @param mountId the mount it was reached through, as in {@code /proc/self/mountinfo}; 0 before
 *     Linux 5.8
 */
public record FileStatus(
    NodeType type,
    int mode,
    int uid,
    int gid,
    int links,
    long sizeBytes,
    long blocks,
    long device,
    long inode,
    int rdevMajor,
    int rdevMinor,
    Timespec accessed,
    Timespec modified,
    Timespec changed,
    long mountId) {

  /** The unit of {@link #blocks}. */
  public static final int BLOCK_BYTES = 512;

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
  public static long device(int major, int minor) {
    return (major & 0xffff_f000L) << 32
        | (major & 0xfffL) << 8
        | (minor & 0xffff_ff00L) << 12
        | (minor & 0xffL);
  }

  public boolean isSameInode(FileStatus other) {
    return device == other.device && inode == other.inode;
  }
}
