package io.gatun.linux.file;

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
