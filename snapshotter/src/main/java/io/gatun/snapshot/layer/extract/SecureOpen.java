package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.KernelFeature;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.ResolveFlag;
import java.util.Set;

/**
 * How directories in a tree are opened: below its top, without a symbolic link on the way and
 * without entering a mount, or not at all. The kernel sees to it, and so it holds whatever anybody
 * does to the tree meanwhile.
 */
final class SecureOpen {

  private static final Set<ResolveFlag> INSIDE =
      Set.of(ResolveFlag.BENEATH, ResolveFlag.NO_SYMLINKS, ResolveFlag.NO_MOUNT_CROSSING);

  private static final LinuxPath SELF = LinuxPath.of(".");

  private static final boolean HAS_OPENAT2 = KernelFeature.OPENAT2.isPresent();

  private SecureOpen() {}

  /** {@return the top of a tree, which is trusted to be where its path says} */
  static Fd openTop(LinuxPath path) throws ErrnoException {
    return Fcntl.open(path, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  /**
   * {@return a directory of a tree} What is no directory, or behind a link, fails as {@link
   * #isElsewhere} says.
   *
   * @param path from the top; empty for the top itself
   */
  static Fd open(Fd top, LinuxPath path) throws ErrnoException {
    LinuxPath name = path.isEmpty() ? SELF : path;
    return HAS_OPENAT2
        ? Fcntl.openat2(top, name, INSIDE, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)
        : openStepByStep(top, name);
  }

  /**
   * As {@link #open}, on kernels before 5.6 and where a filter of system calls does not know
   * openat2(2): no link is followed either, but a mount would be entered.
   */
  static Fd openStepByStep(Fd top, LinuxPath path) throws ErrnoException {
    Fd at = top;
    for (LinuxPath name : PathText.components(path)) {
      Fd next;
      try {
        next = openChild(at, name);
      } finally {
        if (at != top) {
          at.close();
        }
      }
      at = next;
    }
    return at;
  }

  /** {@return a directory directly in an open one} */
  static Fd openChild(Fd parent, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  /** {@return whether a path does not lead to a directory, or only by a link} */
  static boolean isElsewhere(ErrnoException failure) {
    return switch (failure.errno()) {
      case ENOENT, ENOTDIR, ELOOP -> true;
      default -> false;
    };
  }

  /** {@return whether there is no such name} */
  static boolean isMissing(ErrnoException failure) {
    return failure.is(Errno.ENOENT);
  }
}
