package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Another mount namespace with layers that are not mounted in this one, {@code
 * mount_namespaces(7)}. It started with a copy of all mounts, and unless unmounts propagate to it,
 * it keeps mounts that are unmounted here, and with them the space of removed layers. If it is the
 * daemon's namespace, the daemon's mounts are not visible here.
 *
 * @param pid of its oldest process
 * @param command of that process, as far as the kernel stores it
 * @param places where the layers are mounted, sorted
 */
public record ForeignMounts(long pid, String command, List<LinuxPath> places) {

  private static final String TYPE = "erofs";

  public ForeignMounts {
    places = List.copyOf(places);
  }

  /**
   * {@return the namespaces with layers of a root} Skips processes that end meanwhile or that may
   * not be inspected.
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
      // The process has ended.
      return "";
    }
  }
}
