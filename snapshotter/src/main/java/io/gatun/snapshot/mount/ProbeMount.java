package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import java.util.Optional;
import java.util.Set;

/**
 * An overlay mount that is invisible to others and ends with its use or this process.
 *
 * @param lower a directory; like the others, opened by an absolute path
 * @param upper a directory on the same filesystem as {@code work}
 * @param work an empty directory
 * @param target a mount point for kernels without detached mounts
 * @param userXattrs whether overlay stores its marks in {@code user.overlay.*}
 */
public record ProbeMount(Fd lower, Fd upper, Fd work, LinuxPath target, boolean userXattrs) {

  private static final String TYPE = "overlay";

  @FunctionalInterface
  public interface Use {
    Optional<String> with(Fd mounted) throws ErrnoException;
  }

  /** {@return the result of the use} */
  public Optional<String> use(Use ref) throws ErrnoException {
    try {
      return useDetached(ref);
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOSYS) && e.call().equals("fsopen")) {
        return useInOwnNamespace(ref);
      }
      throw e;
    }
  }

  /** A detached mount ends with its descriptor, and the kernel reports detailed errors. */
  Optional<String> useDetached(Use ref) throws ErrnoException {
    try (Fd mounted = mountDetached()) {
      return ref.with(mounted);
    }
  }

  /**
   * {@return the root of the mount, which lasts as long as something in it is open}
   *
   * @param flags further mount options
   */
  public Fd mountDetached(String... flags) throws ErrnoException {
    try (Fd context = Mounts.fsopen(TYPE)) {
      Mounts.fsconfigSetString(context, "lowerdir", path(lower));
      Mounts.fsconfigSetString(context, "upperdir", path(upper));
      Mounts.fsconfigSetString(context, "workdir", path(work));
      if (userXattrs) {
        Mounts.fsconfigSetFlag(context, "userxattr");
      }
      for (String flag : flags) {
        Mounts.fsconfigSetFlag(context, flag);
      }
      Mounts.fsconfigCreate(context);
      return Mounts.fsmount(context);
    }
  }

  /** Before Linux 5.2: a mount in a namespace that ends with its thread. */
  Optional<String> useInOwnNamespace(Use ref) throws ErrnoException {
    return PrivateMounts.run("gatun-overlay-trial", () -> useAttached(ref));
  }

  private Optional<String> useAttached(Use ref) throws ErrnoException {
    String options =
        "lowerdir=%s,upperdir=%s,workdir=%s%s"
            .formatted(lower.path(), upper.path(), work.path(), userXattrs ? ",userxattr" : "");
    Mounts.mount(LinuxPath.of(TYPE), target, TYPE, Set.of(), options);
    try (Fd mounted = Fcntl.open(target, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      return ref.with(mounted);
    } finally {
      Mounts.umount2(target, UnmountFlag.DETACH);
    }
  }

  /** A path that is short enough for an option and has no separators. */
  private static String path(Fd directory) {
    return "/proc/self/fd/" + directory.number();
  }
}
