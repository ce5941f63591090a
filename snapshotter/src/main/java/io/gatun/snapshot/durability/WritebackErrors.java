package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.mount.ProbeMount;
import io.gatun.snapshot.root.Disk;

/**
 * Tells whether the kernel has failed to write anything back to a filesystem, without having it
 * write anything.
 *
 * <p>syncfs(2) tells as well, but waits for whatever anybody has written. fsync(2) tells of one
 * file, and forgets with the inode: a file that was written back in vain, and dropped from memory
 * before it is opened again, looks as good as any. But there is one kind of filesystem whose syncfs
 * writes nothing and yet answers: an overlay that is mounted with {@code volatile} compares the
 * errors of the filesystem below with those at the time of the mount
 * (Documentation/filesystems/overlayfs, "Volatile mount"; fs/overlayfs/super.c: ovl_sync_fs). So
 * there is such a mount here, attached nowhere, whose directories are deleted again at once.
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
   * @param parent a directory on it, in which another may be made for a moment
   * @throws ErrnoException if that cannot be done: overlay does not work there, the kernel does not
   *     know {@code volatile} (Linux 5.10), or there is an error already that nobody has been told
   */
  public static WritebackErrors watch(Disk disk, Fd parent) throws ErrnoException {
    TreeDeletion.delete(disk, parent, DIRECTORY);
    disk.createDirectory(parent, DIRECTORY, MODE);
    try (Fd directory = open(parent, DIRECTORY);
        Fd lower = create(disk, directory, LOWER);
        Fd upper = create(disk, directory, UPPER);
        Fd work = create(disk, directory, WORK)) {
      // Nothing is ever written through it, so that it does not matter where it keeps its marks.
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
   * Returns if everything could be written back that the kernel has tried to since the watch began.
   *
   * @throws ErrnoException {@code EIO} otherwise, from then on always
   */
  public void requireNone() throws ErrnoException {
    Unistd.syncfs(mounted);
  }

  @Override
  public void close() {
    mounted.close();
  }
}
