package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Tests whether indexed layers that the daemon mounts are visible to the process that mounts
 * overlays on them. In one mount namespace they are; in two, only if the root's mount is shared
 * with the other namespace, {@code mount_namespaces(7)}. Otherwise the other process finds empty
 * mount points, and the kernel refuses its overlays.
 *
 * <p>A shared mount is not sufficient: systemd makes the mounts of a service with its own namespace
 * slaves of the host's, and then shared among themselves.
 */
public final class MountPropagation {

  /** The pid of a process outside the visible pid namespaces, {@code pid_namespaces(7)}. */
  private static final long ELSEWHERE = 0;

  private MountPropagation() {}

  /**
   * {@return why mounts of one process do not reach another; empty if they do or it is unknown}
   *
   * @param root by its real path, as both see it
   * @param mounting the process that mounts layers
   * @param using the process that mounts overlays on them; 0 if it is in an invisible pid
   *     namespace, and so hardly in the same mount namespace
   */
  public static Optional<String> obstacle(Path root, long mounting, long using)
      throws ErrnoException {
    try {
      if (using != ELSEWHERE && namespace(mounting).equals(namespace(using))) {
        return Optional.empty();
      }
      Optional<MountEntry> mount = mountOf(root, mounting);
      if (mount.isEmpty()) {
        return Optional.empty();
      }
      if (!mount.get().isShared()) {
        return Optional.of(
            "the mount %s, which the root is on, is not shared with other mount namespaces"
                .formatted(mount.get().mountPoint()));
      }
      return using == ELSEWHERE || reaches(mount.get(), MountTable.ofProcess(using))
          ? Optional.empty()
          : Optional.of(
              "the mount %s, which the root is on, is shared, but not with that mount namespace"
                  .formatted(mount.get().mountPoint()));
    } catch (ErrnoException e) {
      if (isUnknown(e.errno())) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private static LinuxPath namespace(long pid) throws ErrnoException {
    return Unistd.readlinkat(Fd.CURRENT_DIRECTORY, LinuxPath.of("/proc/" + pid + "/ns/mnt"));
  }

  /** {@return the mount of a directory, as the process sees it} */
  private static Optional<MountEntry> mountOf(Path directory, long pid) throws ErrnoException {
    long id =
        Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of("/proc/" + pid + "/root" + directory))
            .mountId();
    return MountTable.ofProcess(pid).stream().filter(each -> each.id() == id).findFirst();
  }

  /**
   * {@return whether mounts below one mount reach another of the same filesystem, directly or
   * possibly through a third}
   */
  private static boolean reaches(MountEntry from, List<MountEntry> others) {
    List<MountEntry> same =
        others.stream().filter(other -> other.device() == from.device()).toList();
    return same.isEmpty()
        || same.stream()
            .anyMatch(
                other ->
                    other.peerGroup().equals(from.peerGroup())
                        || (other.masterGroup().isPresent()
                            && !other.masterGroup().equals(from.masterGroup())));
  }

  /** The process has ended or may not be inspected. */
  private static boolean isUnknown(Errno errno) {
    return switch (errno) {
      case ENOENT, ESRCH, EINVAL, EACCES, EPERM -> true;
      default -> false;
    };
  }
}
