package io.gatun.linux.file;

/**
 * The status of a filesystem: {@code struct statfs}, statfs(2). Counts that a filesystem does not
 * maintain are 0, such as the inodes of btrfs.
 *
 * @param blockSizeBytes the unit of the block counts
 * @param blocks the total
 * @param freeBlocks the unused blocks
 * @param availableBlocks the unused blocks available to users other than root
 * @param inodes the total
 * @param freeInodes the unused inodes
 * @param id identifies the filesystem, if supported; its composition is up to the filesystem
 * @param readOnly whether the filesystem or this mount of it is read-only
 */
public record FilesystemStatus(
    FilesystemType type,
    long blockSizeBytes,
    long blocks,
    long freeBlocks,
    long availableBlocks,
    long inodes,
    long freeInodes,
    long id,
    boolean readOnly) {

  /** {@return the space available to users other than root} */
  public long availableBytes() {
    return availableBlocks * blockSizeBytes;
  }
}
