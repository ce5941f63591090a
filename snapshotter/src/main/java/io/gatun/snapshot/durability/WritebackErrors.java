package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.mount.ProbeMount;
import io.gatun.snapshot.root.Disk;

/**
 * Detects failed writeback on a filesystem without causing any writes.
 *
 * <p>syncfs(2) also reports it, but waits for all dirty data. fsync(2) reports it for one file, and
 * the error is lost with the inode: a file that failed writeback and was evicted from memory looks
 * intact when it is opened again. A volatile overlay mount, in contrast, has a syncfs that writes
 * nothing and compares the error state of the filesystem below with that at mount time
 * (Documentation/filesystems/overlayfs, "Volatile mount"; fs/overlayfs/super.c: ovl_sync_fs). This
 * class holds such a detached mount, whose directories are deleted at once.
 */
public final class WritebackErrors implements AutoCloseable {

  private static final LinuxPath DIRECTORY = LinuxPath.of("writeback-errors");
  private static final LinuxPath LOWER = LinuxPath.of("lower");
  private static final LinuxPath UPPER = LinuxPath.of("upper");
  private static final LinuxPath WORK = LinuxPath.of("work");
  private static final LinuxPath TOP = LinuxPath.of(".");
  private static final String VOLATILE = "volatile";
  private static final int MODE = 0700;

  private final Fd mounted;

  private WritebackErrors(Fd mounted) {
    this.mounted = mounted;
  }

  /**
   * Begins to watch a filesystem.
   *
   * @param parent a directory on it, for a temporary directory
   * @throws ErrnoException if overlay does not work there, the kernel does not know {@code
   *     volatile} (Linux 5.10), or an unreported error is pending
   */
  public static WritebackErrors watch(Disk disk, Fd parent) throws ErrnoException {
    TreeDeletion.delete(disk, parent, DIRECTORY);
    disk.createDirectory(parent, DIRECTORY, MODE);
    try (Fd directory = open(parent, DIRECTORY);
        Fd lower = create(disk, directory, LOWER);
        Fd upper = create(disk, directory, UPPER);
        Fd work = create(disk, directory, WORK)) {
      // Nothing is written through the mount; its xattr namespace does not matter.
      ProbeMount mount = new ProbeMount(lower, upper, work, lower.path(), false);
      try (Fd top = mount.mountDetached(VOLATILE)) {
        return new WritebackErrors(open(top, TOP));
      }
    } finally {
      TreeDeletion.delete(disk, parent, DIRECTORY);
    }
  }

  private static Fd create(Disk disk, Fd parent, LinuxPath name) throws ErrnoException {
    disk.createDirectory(parent, name, MODE);
    return open(parent, name);
  }

  private static Fd open(Fd parent, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  /**
   * Returns if no writeback has failed since the watch began.
   *
   * @throws ErrnoException {@code EIO} after a failure, then always
   */
  public void requireNone() throws ErrnoException {
    Unistd.syncfs(mounted);
  }

  @Override
  public void close() {
    mounted.close();
  }
}
