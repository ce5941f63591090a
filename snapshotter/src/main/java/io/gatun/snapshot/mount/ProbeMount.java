package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Mounts;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.UnmountFlag;
import java.util.Optional;
import java.util.Set;

/**
 * An overlay mount that nobody else sees and that is gone when the use of it ends, or this process.
 *
 * @param lower a directory; opened by an absolute path, as the others
 * @param upper a directory on the same filesystem as {@code work}
 * @param work an empty directory
 * @param target a directory, used as mount point only where there is no other way
 * @param userXattrs whether overlay shall keep its marks in {@code user.overlay.*}
 */
public record ProbeMount(Fd lower, Fd upper, Fd work, LinuxPath target, boolean userXattrs) {

  private static final String TYPE = "overlay";

  /** What is done with the mount. */
  @FunctionalInterface
  public interface Use {
    Optional<String> with(Fd mounted) throws ErrnoException;
  }

  /** {@return what the use of the mount answers} */
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

  /**
   * A mount that is attached nowhere ends with its descriptor. The kernel says what it does not
   * like.
   */
  Optional<String> useDetached(Use ref) throws ErrnoException {
    try (Fd mounted = mountDetached()) {
      return ref.with(mounted);
    }
  }

  /**
   * {@return the top of the mount, which lasts as long as something in it is open}
   *
   * @param flags further options of the mount
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

  /** A path that neither is too long for an option nor holds a character that ends one. */
  private static String path(Fd directory) {
    return "/proc/self/fd/" + directory.number();
  }
}
