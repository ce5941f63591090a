package io.gatun.snapshot.layer.lower;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.KernelFeature;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Fcntl.ResolveFlag;
import io.gatun.linux.file.OpenFlag;
import java.util.Set;

/**
 * Opens directories below the root of a tree without following symbolic links or crossing mounts.
 * The kernel enforces this, so it holds even while other processes change the tree.
 */
public final class SecureOpen {

  private static final Set<ResolveFlag> INSIDE =
      Set.of(ResolveFlag.BENEATH, ResolveFlag.NO_SYMLINKS, ResolveFlag.NO_MOUNT_CROSSING);

  private static final LinuxPath SELF = LinuxPath.of(".");

  private static final boolean HAS_OPENAT2 = KernelFeature.OPENAT2.isPresent();

  private SecureOpen() {}

  /** {@return the root of a tree, whose path is trusted} */
  public static Fd openTop(LinuxPath path) throws ErrnoException {
    return Fcntl.open(path, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  /**
   * {@return a directory of a tree} Fails as in {@link #isElsewhere} for a non-directory or a path
   * through a link.
   *
   * @param path from the root; empty for the root itself
   */
  public static Fd open(Fd top, LinuxPath path) throws ErrnoException {
    LinuxPath name = path.isEmpty() ? SELF : path;
    return HAS_OPENAT2
        ? Fcntl.openat2(top, name, INSIDE, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)
        : openStepByStep(top, name);
  }

  /**
   * Like {@link #open}, for kernels before 5.6 and system call filters without openat2(2): follows
   * no link either, but would cross a mount.
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

  public static Fd openChild(Fd parent, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  /** {@return whether a path leads to no directory, or only through a link} */
  public static boolean isElsewhere(ErrnoException failure) {
    return switch (failure.errno()) {
      case ENOENT, ENOTDIR, ELOOP -> true;
      default -> false;
    };
  }
}
