package io.gatun.snapshot.layer.extract;

import io.gatun.linux.FileStatus;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.tar.TarExtent;
import java.util.List;

/**
 * Counts what a layer takes while it is written, so that nobody has to walk it afterwards. That of
 * a file is known from its size; of everything else the kernel is asked.
 *
 * <p>What a filesystem needs to find the blocks of a file that it could not lay out in one piece is
 * not known here: on ext4, one block for some hundreds of pieces.
 *
 * <p>Safe for use by several threads.
 */
final class UsageTally {

  private final long blockBytes;
  private long inodes;
  private long bytes;
  private boolean isKnown = true;

  /**
   * @param blockBytes in what units the filesystem gives space to files
   */
  UsageTally(long blockBytes) {
    this.blockBytes = blockBytes;
  }

  synchronized void add(FileStatus status) {
    inodes++;
    addBlocks(status.blocks());
  }

  /** Adds what something that was added before has got since, or has lost if it is negative. */
  synchronized void addBlocks(long blocks) {
    bytes += blocks * FileStatus.BLOCK_BYTES;
  }

  /** Adds what has nothing but its inode. */
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

  /** Says that something was removed, so that only a walk can tell. */
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
