package io.gatun.snapshot.layer.extract;

import io.gatun.linux.file.FileStatus;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.tar.TarExtent;
import java.util.List;

/**
 * Counts the usage of a layer while it is written, which saves a walk. File usage is computed from
 * the size; everything else is asked of the kernel.
 *
 * <p>Does not count the blocks that index the extents of a fragmented file: on ext4, one for
 * several hundred extents.
 *
 * <p>Thread-safe.
 */
final class UsageTally {

  private final long blockBytes;
  private long inodes;
  private long bytes;
  private boolean isKnown = true;

  /**
   * @param blockBytes the allocation unit of the filesystem
   */
  UsageTally(long blockBytes) {
    this.blockBytes = blockBytes;
  }

  synchronized void add(FileStatus status) {
    inodes++;
    addBlocks(status.blocks());
  }

  /** Adjusts for an entry that has grown or, if negative, shrunk since it was added. */
  synchronized void addBlocks(long blocks) {
    bytes += blocks * FileStatus.BLOCK_BYTES;
  }

  /** Adds an entry that occupies only its inode. */
  synchronized void addEmpty() {
    inodes++;
  }

  synchronized void addFile(List<TarExtent> extents) {
    inodes++;
    long end = 0;
    for (TarExtent extent : extents) {
      if (extent.length() > 0) {
        long from = Math.max(end, extent.offset() / blockBytes);
        long to = Math.ceilDiv(extent.end(), blockBytes);
        bytes += (to - from) * blockBytes;
        end = to;
      }
    }
  }

  /** Makes the count unusable after a removal; only a walk can tell the usage then. */
  synchronized void giveUp() {
    isKnown = false;
  }

  synchronized boolean isKnown() {
    return isKnown;
  }

  synchronized Usage usage() {
    return new Usage(inodes, bytes);
  }
}
