package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.MountEntry;
import io.gatun.linux.MountTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

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
public record ForeignMounts(long pid, String command, List<LinuxPath> places) {

  private static final String TYPE = "erofs";

  public ForeignMounts {
    places = List.copyOf(places);
  }

  /**
   * {@return the namespaces that hold layers of a root} Those of processes that end meanwhile, or
   * that nobody may look at, are left out.
   *
   * @param root by its real path
   */
  public static List<ForeignMounts> find(Path root) throws ErrnoException {
    String inside = root + "/";
    Set<Long> own =
        layers(MountTable.read(), inside).stream()
            .map(MountEntry::device)
            .collect(Collectors.toSet());
    List<ForeignMounts> found = new ArrayList<>();
    MountNamespaces.visitOthers(
        (pid, mounts) -> {
          TreeSet<LinuxPath> places = new TreeSet<>();
          for (MountEntry mount : layers(mounts, inside)) {
            if (!own.contains(mount.device())) {
              places.add(mount.mountPoint());
            }
          }
          if (!places.isEmpty()) {
            found.add(new ForeignMounts(pid, command(pid), List.copyOf(places)));
          }
        });
    return found;
  }

  private static List<MountEntry> layers(List<MountEntry> mounts, String inside) {
    return mounts.stream()
        .filter(mount -> mount.type().equals(TYPE))
        .filter(mount -> mount.mountPoint().toString().startsWith(inside))
        .toList();
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
