package io.gatun.snapshot.root;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import java.util.Optional;
import java.util.Set;

/**
 * Lifts inode flags, settable with {@code chattr(1)}, that make changes to a file or directory fail
 * with {@code EPERM}. fs-verity only protects content, which is not changed here.
 */
public final class InodeProtection {

  private static final Set<InodeFlag> FLAGS = Set.of(InodeFlag.IMMUTABLE, InodeFlag.APPEND_ONLY);

  private InodeProtection() {}

  /** Runs a step; on {@code EPERM}, lifts the protection and runs it again. */
  public static void overcome(Disk disk, Fd parent, LinuxPath name, Io.Action step)
      throws ErrnoException {
    var _ =
        overcome(
            disk,
            parent,
            name,
            () -> {
              step.run();
              return true;
            });
  }

  /**
   * Runs a step; on {@code EPERM}, lifts the protection of the parent and the node and runs it
   * again.
   *
   * @param name the node that is changed, removed, moved or replaced
   */
  public static <T> T overcome(Disk disk, Fd parent, LinuxPath name, Io.Source<T> step)
      throws ErrnoException {
    try {
      return step.get();
    } catch (ErrnoException e) {
      if (!e.is(Errno.EPERM)) {
        throw e;
      }
      remove(disk, parent);
      Optional<FileStatus> status = Stat.tryStatx(parent, name, AtFlag.SYMLINK_NOFOLLOW);
      if (status.isPresent()) {
        switch (status.get().type()) {
          case REGULAR, DIRECTORY -> remove(disk, parent, name);
          case SYMBOLIC_LINK, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET, UNKNOWN -> {}
        }
      }
      return step.get();
    }
  }

  /** Lifts the protection of a file or directory. */
  public static void remove(Disk disk, Fd parent, LinuxPath name) throws ErrnoException {
    try (Fd file =
        Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW, OpenFlag.NON_BLOCKING)) {
      remove(disk, file);
    }
  }

  /** Lifts the protection of an open file. */
  public static void remove(Disk disk, Fd file) throws ErrnoException {
    try {
      disk.removeInodeFlags(file, FLAGS);
    } catch (ErrnoException e) {
      // The filesystem has no such flags; the cause was another and shows at the next attempt.
      if (!e.is(Errno.ENOTTY) && !e.is(Errno.EOPNOTSUPP)) {
        throw e;
      }
    }
  }
}
