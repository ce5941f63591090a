package io.gatun.snapshot.driver;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.MountEntry;
import io.gatun.linux.MountTable;
import io.gatun.linux.Unistd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * Another mount namespace that holds layers which are not mounted in this one, {@code
 * mount_namespaces(7)}. It got a copy of all mounts when it was made, and keeps those that are
 * unmounted here unless it takes part in that, by propagation; the space of a layer that was
 * removed is not given back as long. If it is that of the daemon, what the daemon mounts is not
 * seen here.
 *
 * @param pid of the process that has been in it for longest
 * @param command that the process runs, as far as the kernel keeps it
 * @param places where the layers are mounted, sorted
 */
public record PinnedLayers(long pid, String command, List<LinuxPath> places) {

  private static final String TYPE = "erofs";
  private static final LinuxPath OWN_NAMESPACE = LinuxPath.of("/proc/thread-self/ns/mnt");

  public PinnedLayers {
    places = List.copyOf(places);
  }

  /**
   * {@return the namespaces that hold layers of a root} Those of processes that end meanwhile, or
   * that nobody may look at, are left out.
   *
   * @param root by its real path
   */
  public static List<PinnedLayers> find(Path root) throws ErrnoException {
    String inside = root + "/";
    Set<Long> own =
        layers(MountTable.read(), inside).stream()
            .map(MountEntry::device)
            .collect(Collectors.toSet());
    Set<LinuxPath> seen = new HashSet<>();
    seen.add(Unistd.readlinkat(Fd.CURRENT_DIRECTORY, OWN_NAMESPACE));
    List<PinnedLayers> found = new ArrayList<>();
    // The number of the oldest process is mostly the smallest.
    for (long pid : processes().sorted().toArray()) {
      of(pid, inside, own, seen).ifPresent(found::add);
    }
    return found;
  }

  private static Optional<PinnedLayers> of(
      long pid, String inside, Set<Long> own, Set<LinuxPath> seen) throws ErrnoException {
    try {
      LinuxPath namespace =
          Unistd.readlinkat(Fd.CURRENT_DIRECTORY, LinuxPath.of("/proc/" + pid + "/ns/mnt"));
      if (!seen.add(namespace)) {
        return Optional.empty();
      }
      TreeSet<LinuxPath> places = new TreeSet<>();
      for (MountEntry mount : layers(MountTable.ofProcess(pid), inside)) {
        if (!own.contains(mount.device())) {
          places.add(mount.mountPoint());
        }
      }
      return places.isEmpty()
          ? Optional.empty()
          : Optional.of(new PinnedLayers(pid, command(pid), List.copyOf(places)));
    } catch (ErrnoException e) {
      if (isPassedOver(e.errno())) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** It has ended, or ends, or is not ours to look at. */
  private static boolean isPassedOver(Errno errno) {
    return switch (errno) {
      case ENOENT, ESRCH, EINVAL, EACCES, EPERM -> true;
      default -> false;
    };
  }

  private static List<MountEntry> layers(List<MountEntry> mounts, String inside) {
    return mounts.stream()
        .filter(mount -> mount.type().equals(TYPE))
        .filter(mount -> mount.mountPoint().toString().startsWith(inside))
        .toList();
  }

  private static LongStream processes() {
    return ProcessHandle.allProcesses().mapToLong(ProcessHandle::pid);
  }

  private static String command(long pid) {
    try {
      return Files.readString(Path.of("/proc/" + pid + "/comm")).strip();
    } catch (IOException e) {
      // It has just ended.
      return "";
    }
  }
}
