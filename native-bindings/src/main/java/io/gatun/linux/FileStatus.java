package io.gatun.linux;

/**
 * What the kernel knows of an inode: {@code struct statx}, {@code statx(2)}.
 *
 * @param type what it is
 * @param mode permission bits with set-user-id, set-group-id and sticky: {@code 07777}
 * @param uid the owner, unsigned
 * @param gid the group, unsigned
 * @param links hard links to it
 * @param sizeBytes the length of the content, or of the target of a symbolic link
 * @param blocks what it takes on disk, in units of 512 bytes whatever the filesystem
 * @param device the filesystem it is on, as {@code st_dev} has it
 * @param inode its number on that filesystem
 * @param rdevMajor of a device node, otherwise 0
 * @param rdevMinor of a device node, otherwise 0
 * @param accessed atime
 * @param modified mtime
 * @param changed ctime
 * @param mountId the mount it was reached through, as {@code /proc/self/mountinfo} has it; 0 before
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

  /** How many bytes one of {@link #blocks} is. */
  public static final int BLOCK_BYTES = 512;

  /** {@return whether this and the other are one inode} */
  public boolean isSameInode(FileStatus other) {
    return device == other.device && inode == other.inode;
  }
}
