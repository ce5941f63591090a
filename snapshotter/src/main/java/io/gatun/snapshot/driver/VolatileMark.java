package io.gatun.snapshot.driver;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.durability.Barrier;
import io.gatun.snapshot.filetree.TreeWork;
import io.gatun.snapshot.root.Disk;

/**
 * Remembers, with a snapshot, that what is written to it is never synced.
 *
 * <p>The kernel leaves {@code work/work/incompat/volatile} behind when such a mount is used, and
 * refuses to mount the same directories again for as long as that is there
 * (Documentation/filesystems/overlayfs, "Volatile mount"): after a crash of the machine, files may
 * be empty that were written long before. As long as the machine has not been started anew, nothing
 * is lost, and a container may be stopped and started again.
 */
final class VolatileMark {

  private static final LinuxPath RECORD = LinuxPath.of("volatile-since-boot");

  /** In the kernel's order: a directory, and what is in it. */
  private static final LinuxPath KERNEL_MARK = LinuxPath.of("work/work/incompat/volatile");

  private static final LinuxPath KERNEL_MARK_FILE =
      LinuxPath.of("work/work/incompat/volatile/dirty");

  private final Disk disk;
  private final BootMark mark;
  private final Barrier barrier;

  /**
   * @param boot what identifies this start of the machine
   */
  VolatileMark(Disk disk, String boot, Barrier barrier) {
    this.disk = disk;
    this.mark = new BootMark(disk, RECORD, boot);
    this.barrier = barrier;
  }

  /** Records, durably, that a snapshot is about to be used in this way. */
  void record(Fd directory) throws ErrnoException {
    mark.record(directory);
  }

  /** {@return whether a snapshot may have been used in this way} */
  boolean isRecorded(Fd directory) throws ErrnoException {
    return mark.isRecorded(directory);
  }

  /**
   * Makes sure that all is there that was ever written to a snapshot.
   *
   * @throws SnapshotException.FailedPrecondition if the machine was started since the snapshot was
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

  /** Lets the kernel mount a snapshot once more. */
  void removeKernelMark(Fd directory) throws ErrnoException {
    ignoreAbsence(() -> disk.removeFile(directory, KERNEL_MARK_FILE));
    ignoreAbsence(() -> disk.removeDirectory(directory, KERNEL_MARK));
  }

  /** Ends the use in this way: what was written is brought to the disk, and no longer at risk. */
  void settle(Fd directory) throws ErrnoException {
    barrier.await();
    mark.remove(directory);
  }

  private static void ignoreAbsence(TreeWork.Task removal) throws ErrnoException {
    try {
      removal.run();
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENOENT)) {
        throw e;
      }
    }
  }
}
