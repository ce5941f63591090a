package io.gatun.snapshot.driver;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.durability.Barrier;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Io;

/**
 * Records that writes to a snapshot are never synced.
 *
 * <p>The kernel leaves {@code work/work/incompat/volatile} behind when such a mount is used, and
 * refuses to mount the same directories again while it exists (Documentation/filesystems/overlayfs,
 * "Volatile mount"): after a crash of the machine, even files written long before may be empty.
 * Nothing is lost until the next boot, so until then a container may be stopped and started again.
 */
final class VolatileMark {

  private static final LinuxPath RECORD = LinuxPath.of("volatile-since-boot");

  /** The directory and the file in it, in the kernel's order. */
  private static final LinuxPath KERNEL_MARK = LinuxPath.of("work/work/incompat/volatile");

  private static final LinuxPath KERNEL_MARK_FILE =
      LinuxPath.of("work/work/incompat/volatile/dirty");

  private final Disk disk;
  private final BootMark mark;
  private final Barrier barrier;

  /**
   * @param boot id of the current boot
   */
  VolatileMark(Disk disk, String boot, Barrier barrier) {
    this.disk = disk;
    this.mark = new BootMark(disk, RECORD, boot);
    this.barrier = barrier;
  }

  /** Records, durably, that a snapshot is about to be used without syncs. */
  void record(Fd directory) throws ErrnoException {
    mark.record(directory);
  }

  boolean isRecorded(Fd directory) throws ErrnoException {
    return mark.isRecorded(directory);
  }

  /**
   * Checks that no write to a snapshot can be lost.
   *
   * @throws SnapshotException.FailedPrecondition if the machine has booted since the snapshot was
   *     used
   */
  void requireIntact(Fd directory, long id) throws ErrnoException {
    if (mark.isOutlived(directory)) {
      throw new SnapshotException.FailedPrecondition(
          ("the writable layer of snapshot id %d was used with the option volatile, and the machine has been"
                  + " started since: what was written to it may be lost in part; remove the container and"
                  + " create it again")
              .formatted(id));
    }
  }

  /** Allows the kernel to mount a snapshot again. */
  void removeKernelMark(Fd directory) throws ErrnoException {
    ignoreAbsence(() -> disk.removeFile(directory, KERNEL_MARK_FILE));
    ignoreAbsence(() -> disk.removeDirectory(directory, KERNEL_MARK));
  }

  /** Syncs everything that was written and removes the record. */
  void settle(Fd directory) throws ErrnoException {
    barrier.await();
    mark.remove(directory);
  }

  private static void ignoreAbsence(Io.Action removal) throws ErrnoException {
    try {
      removal.run();
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENOENT)) {
        throw e;
      }
    }
  }
}
