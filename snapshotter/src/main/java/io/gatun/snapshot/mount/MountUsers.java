package io.gatun.snapshot.mount;

import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.MountEntry;
import io.gatun.linux.MountTable;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Unistd;
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
 * Who uses the files of layers at some moment: overlays and bind mounts in any mount namespace that
 * a process is in, and this process by what it has open.
 *
 * <p>An overlay tells of its layers only what it was mounted with. So which of two trees it uses
 * that had the same path one after the other has to be told by when it was mounted. In doubt, it
 * uses a tree: options may be relative to a directory that is not known, and have characters that
 * the kernel writes otherwise. For a container with a user namespace, containerd mounts the overlay
 * on the directory that the layers have in common, shown elsewhere with other owners; if that is
 * the directory of a single layer, nothing says which one it is, and the overlay uses all trees.
 *
 * @param overlays by the id of a snapshot, the overlays that may have its files as a layer
 * @param others the overlays that may have any files as a layer
 * @param places where in their filesystems the tops of mounts are, and what is open
 */
public record MountUsers(
    Map<Long, Set<Overlay>> overlays, Set<Overlay> others, List<String> places) {

  /**
   * An overlay that is mounted. The kernel gives the number of one that has gone to the next. With
   * the options, that is taken for the same only if it is mounted for the same snapshot and in the
   * same way; so not if a layer was a directory for one of them, and each is an index for the
   * other.
   *
   * @param options that it was mounted with, as the kernel writes them
   */
  public record Overlay(long device, String options) {

    /**
     * {@return the id that its upper directory has as that of a snapshot; nothing if nothing can be
     * written to it}
     */
    public OptionalLong upperId() {
      return Arrays.stream(options.split(",", -1))
          .filter(option -> option.startsWith(UPPER_OPTION))
          .mapToLong(option -> lastId(option.substring(UPPER_OPTION.length())))
          .findFirst();
    }
  }

  private static final String OVERLAY = "overlay";

  /** Of all layers, and of a single one (Linux 6.5). */
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
   * {@return who uses files now}
   *
   * @param root the absolute path of the root, as it is in mounts
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

  /** {@return whether what is written to an overlay may belong to a snapshot of a root} */
  private static boolean hasUpper(String inside, List<String> options) {
    return options.stream()
        .filter(option -> option.startsWith(UPPER_OPTION))
        .anyMatch(option -> !isElsewhere(inside, option.substring(UPPER_OPTION.length())));
  }

  private static boolean isElsewhere(String inside, String path) {
    return path.startsWith("/") && path.indexOf('\\') < 0 && !path.startsWith(inside);
  }

  /** {@return the id of the snapshot of a root that a layer may be, as in {@code 12/fs}} */
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

  /** {@return all overlays that may have a layer with this id} */
  public Set<Overlay> overlaysOn(long id) {
    Set<Overlay> found = new HashSet<>(others);
    found.addAll(overlays.getOrDefault(id, Set.of()));
    return found;
  }

  /**
   * {@return whether something is mounted from a directory, or open in it}
   *
   * @param directory its last two names
   */
  public boolean isOpen(LinuxPath directory) {
    String wanted = "/" + directory + "/";
    return places.stream().anyMatch(place -> (place + "/").contains(wanted));
  }
}
