package io.gatun.snapshot.root;

import io.gatun.linux.AtFlag;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.InodeFlag;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Stat;
import java.util.Optional;
import java.util.Set;

/**
 * What keeps a file, or the names in a directory, from being changed, removed or replaced: {@code
 * EPERM}, by inode flags that anybody with the right to may have set, {@code chattr(1)}. fs-verity
 * protects content alone, which nothing here changes.
 */
public final class InodeProtection {

  private static final Set<InodeFlag> FLAGS = Set.of(InodeFlag.IMMUTABLE, InodeFlag.APPEND_ONLY);

  /** Something that is done to a name. */
  @FunctionalInterface
  public interface Step {
    void run() throws ErrnoException;
  }

  /** The same with an answer. */
  @FunctionalInterface
  public interface Question<T> {
    T run() throws ErrnoException;
  }

  private InodeProtection() {}

  /** Does a step; if that is refused, once more without protection, see below. */
  public static void overcome(Disk disk, Fd parent, LinuxPath name, Step step)
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
   * {@return what comes of a step} If that is refused, it is done once more without protection.
   *
   * @param name of what is changed, removed, moved or replaced
   */
  public static <T> T overcome(Disk disk, Fd parent, LinuxPath name, Question<T> step)
      throws ErrnoException {
    try {
      return step.run();
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
      return step.run();
    }
  }

  /** Takes protection from a file or directory. */
  public static void remove(Disk disk, Fd parent, LinuxPath name) throws ErrnoException {
    try (Fd file =
        Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW, OpenFlag.NON_BLOCKING)) {
      remove(disk, file);
    }
  }

  /** As before, of one that is open. */
  public static void remove(Disk disk, Fd file) throws ErrnoException {
    try {
      disk.removeInodeFlags(file, FLAGS);
    } catch (ErrnoException e) {
      // A filesystem without such flags has refused for another reason, which shows at the next
      // attempt.
      if (!e.is(Errno.ENOTTY) && !e.is(Errno.EOPNOTSUPP)) {
        throw e;
      }
    }
  }
}
