package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.snapshot.root.Root;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The mounts of active snapshots and views in the mount namespaces of all processes.
 *
 * <p>The upper directory of an overlay identifies its active snapshot. A read-only mount does not
 * identify its view: a read-only overlay tells the nearest layer, and a bind mount the index. In
 * doubt a path counts as one of the root: it may be relative to an unknown directory, or contain
 * characters that the kernel escapes.
 *
 * @param active the ids of the active snapshots that are mounted as overlays
 * @param viewed the ids of the layers that are nearest in read-only overlays
 * @param bound the devices of indexes that are mounted outside the root, as views of a single layer
 *     are
 */
public record MountUsers(Set<Long> active, Set<Long> viewed, Set<Long> bound) {

  private static final String OVERLAY = "overlay";
  private static final String INDEX = "erofs";

  private static final String UPPER = "upperdir=";

  /** For all layers, and for a single one (Linux 6.5). */
  private static final String[] LOWER = {"lowerdir=", "lowerdir+="};

  private static final String FILES = "/" + Root.FILES;
  private static final String SNAPSHOTS = "/" + Root.SNAPSHOTS;

  public MountUsers {
    active = Set.copyOf(active);
    viewed = Set.copyOf(viewed);
    bound = Set.copyOf(bound);
  }

  /**
   * {@return the current mounts}
   *
   * @param root the real path of the root
   */
  public static MountUsers find(Path root) throws ErrnoException {
    List<MountEntry> mounts = new ArrayList<>(MountTable.read());
    MountNamespaces.visitOthers((_, others) -> mounts.addAll(others));
    return of(root, mounts);
  }

  static MountUsers of(Path root, List<MountEntry> mounts) {
    String inside = root + "/";
    Set<Long> active = new HashSet<>();
    Set<Long> viewed = new HashSet<>();
    Set<Long> bound = new HashSet<>();
    for (MountEntry mount : mounts) {
      if (mount.type().equals(OVERLAY)) {
        Optional<String> upper = option(mount, UPPER);
        if (upper.isPresent()) {
          active.add(snapshotId(inside, upper.get()));
        } else {
          option(mount, LOWER)
              .ifPresent(lower -> viewed.add(snapshotId(inside, lower.replaceFirst(":.*", ""))));
        }
      } else if (mount.type().equals(INDEX) && !mount.mountPoint().toString().startsWith(inside)) {
        bound.add(mount.device());
      }
    }
    return new MountUsers(active, viewed, bound);
  }

  /** {@return the first value of an option that has one of these names} */
  private static Optional<String> option(MountEntry mount, String... names) {
    return Arrays.stream(mount.filesystemOptions().split(",", -1))
        .flatMap(
            option ->
                Arrays.stream(names)
                    .filter(option::startsWith)
                    .map(name -> option.substring(name.length())))
        .findFirst();
  }

  /** {@return the id of the snapshot with this path, such as {@code 12/fs}, if it may be ours} */
  private static long snapshotId(String inside, String path) {
    if (!path.endsWith(FILES)) {
      return Root.NO_SNAPSHOT;
    }
    String directory = path.substring(0, path.length() - FILES.length());
    int end = directory.lastIndexOf('/');
    boolean isElsewhere =
        path.startsWith("/") && path.indexOf('\\') < 0 && !path.startsWith(inside);
    return isElsewhere && directory.substring(0, Math.max(end, 0)).endsWith(SNAPSHOTS)
        ? Root.NO_SNAPSHOT
        : Root.snapshotId(LinuxPath.of(directory.substring(end + 1)));
  }
}
