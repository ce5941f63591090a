package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.snapshot.root.Root;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The current users of layer files: overlays and bind mounts in the mount namespaces of all
 * processes, and open files of this process.
 *
 * <p>An overlay reports only its mount options. If two trees had the same path one after the other,
 * only the time of mounting tells which one it uses. In doubt an overlay counts as a user: its
 * options may be relative to an unknown directory, or contain characters that the kernel escapes.
 * For a container with a user namespace, containerd mounts the overlay on an id-mapped copy of the
 * layers' common directory; for a single layer, the options then do not identify it, and the
 * overlay counts as a user of all trees.
 *
 * @param overlays the overlays that may use a snapshot's files, by its id
 * @param others the overlays that may use the files of any snapshot
 * @param places the roots of mounts within their filesystems, and open files
 */
public record MountUsers(
    Map<Long, Set<Overlay>> overlays, Set<Overlay> others, List<String> places) {

  /**
   * A mounted overlay. The kernel reuses device numbers. A later overlay is mistaken for this one
   * only if the options are the same too: the same snapshot mounted in the same way, and so not if
   * a layer was a directory for one of them and an index for the other.
   *
   * @param options of the mount, as the kernel reports them
   */
  public record Overlay(long device, String options) {

    /** {@return the id of the snapshot that has its upper directory; empty if it is read-only} */
    public OptionalLong upperId() {
      return Arrays.stream(options.split(",", -1))
          .filter(option -> option.startsWith(UPPER_OPTION))
          .mapToLong(option -> lastId(option.substring(UPPER_OPTION.length())))
          .findFirst();
    }
  }

  private static final String OVERLAY = "overlay";

  /** For all layers, and for a single one (Linux 6.5). */
  private static final List<String> LAYER_OPTIONS = List.of("lowerdir=", "lowerdir+=");

  private static final String SNAPSHOTS = "/" + Root.SNAPSHOTS;
  private static final String UPPER_OPTION = "upperdir=";
  private static final String FILES = "/fs";
  private static final LinuxPath OWN_FILES = LinuxPath.of("/proc/self/fd");

  public MountUsers {
    overlays = Map.copyOf(overlays);
    others = Set.copyOf(others);
    places = List.copyOf(places);
  }

  /**
   * {@return the current users}
   *
   * @param root absolute path of the root, as in mounts
   */
  public static MountUsers find(Path root) throws ErrnoException {
    List<MountEntry> mounts = new ArrayList<>(MountTable.read());
    MountNamespaces.visitOthers((_, others) -> mounts.addAll(others));
    return of(root, mounts, openFiles());
  }

  static MountUsers of(Path root, List<MountEntry> mounts, List<String> openFiles) {
    String inside = root + "/";
    Map<Long, Set<Overlay>> overlays = new HashMap<>();
    Set<Overlay> others = new HashSet<>();
    List<String> places = new ArrayList<>(openFiles);
    for (MountEntry mount : mounts) {
      places.add(mount.root().toString());
      if (mount.type().equals(OVERLAY)) {
        Overlay overlay = new Overlay(mount.device(), mount.filesystemOptions());
        List<String> options = List.of(mount.filesystemOptions().split(",", -1));
        boolean isOurs = hasUpper(inside, options);
        for (String layer : layers(options)) {
          long id = id(inside, layer);
          if (id != Root.NO_SNAPSHOT) {
            overlays.computeIfAbsent(id, _ -> new HashSet<>()).add(overlay);
          } else if (isOurs && isElsewhere(inside, layer)) {
            others.add(overlay);
          }
        }
      }
    }
    return new MountUsers(overlays, others, places);
  }

  private static List<String> layers(List<String> options) {
    List<String> layers = new ArrayList<>();
    for (String option : options) {
      for (String name : LAYER_OPTIONS) {
        if (option.startsWith(name)) {
          layers.addAll(List.of(option.substring(name.length()).split(":", -1)));
        }
      }
    }
    return layers;
  }

  /** {@return whether the upper directory may belong to a snapshot of the root} */
  private static boolean hasUpper(String inside, List<String> options) {
    return options.stream()
        .filter(option -> option.startsWith(UPPER_OPTION))
        .anyMatch(option -> !isElsewhere(inside, option.substring(UPPER_OPTION.length())));
  }

  private static boolean isElsewhere(String inside, String path) {
    return path.startsWith("/") && path.indexOf('\\') < 0 && !path.startsWith(inside);
  }

  /** {@return the id of the snapshot that a layer such as {@code 12/fs} may belong to} */
  private static long id(String inside, String layer) {
    if (!layer.endsWith(FILES)) {
      return Root.NO_SNAPSHOT;
    }
    String directory = layer.substring(0, layer.length() - FILES.length());
    int end = directory.lastIndexOf('/');
    boolean isOthers =
        isElsewhere(inside, layer) && directory.substring(0, Math.max(end, 0)).endsWith(SNAPSHOTS);
    return isOthers ? Root.NO_SNAPSHOT : lastId(layer);
  }

  private static long lastId(String layer) {
    if (!layer.endsWith(FILES)) {
      return Root.NO_SNAPSHOT;
    }
    String directory = layer.substring(0, layer.length() - FILES.length());
    return Root.snapshotId(LinuxPath.of(directory.substring(directory.lastIndexOf('/') + 1)));
  }

  private static List<String> openFiles() throws ErrnoException {
    List<String> found = new ArrayList<>();
    try (Fd files = Fcntl.open(OWN_FILES, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      for (DirectoryEntry file : new DirectoryReader().all(files)) {
        try {
          found.add(Unistd.readlinkat(files, file.name()).toString());
        } catch (ErrnoException e) {
          // It was closed meanwhile.
          if (!e.is(Errno.ENOENT)) {
            throw e;
          }
        }
      }
    }
    return found;
  }

  /** {@return all overlays that may use the layer with this id} */
  public Set<Overlay> overlaysOn(long id) {
    Set<Overlay> found = new HashSet<>(others);
    found.addAll(overlays.getOrDefault(id, Set.of()));
    return found;
  }

  /**
   * {@return whether something below a directory is mounted elsewhere or open}
   *
   * @param directory its last two names
   */
  public boolean isOpen(LinuxPath directory) {
    String wanted = "/" + directory + "/";
    return places.stream().anyMatch(place -> (place + "/").contains(wanted));
  }
}
