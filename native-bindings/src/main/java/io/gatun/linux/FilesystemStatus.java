package io.gatun.linux;

/**
 * What a filesystem says of itself: {@code struct statfs}, statfs(2). Counts that a filesystem does
 * not keep are 0: btrfs, for one, has no number of inodes.
 *
 * @param type which filesystem it is
 * @param magic the number that says so, unsigned 32 bits
 * @param blockSizeBytes the unit of the counts of blocks
 * @param blocks all there are
 * @param freeBlocks those not in use
 * @param availableBlocks those not in use that a user other than root may take
 * @param inodes all there are
 * @param freeInodes those not in use
 * @param id a number that tells this filesystem from others, where it has one; what it is made of
 *     is the filesystem's affair
 * @param nameBytesMax the longest name that it takes
 * @param readOnly whether it is mounted read-only, the filesystem or this mount of it
 */
public record FilesystemStatus(
    FilesystemType type,
    long magic,
    long blockSizeBytes,
    long blocks,
    long freeBlocks,
    long availableBlocks,
    long inodes,
    long freeInodes,
    long id,
    long nameBytesMax,
    boolean readOnly) {

  /** {@return the space that a user other than root may still take} */
  public long availableBytes() {
    return availableBlocks * blockSizeBytes;
  }
}
