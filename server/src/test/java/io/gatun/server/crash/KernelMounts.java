package io.gatun.server.crash;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.server.crash.Violation.Promise;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The indexed layers that daemons have mounted on a root. Daemons leave them mounted for running
 * containers, so they must be unmounted before the filesystem below.
 */
final class KernelMounts implements AutoCloseable {

  private final Path root;

  /**
   * @param root which need not exist yet
   */
  KernelMounts(Path root) {
    this.root = root;
  }

  /**
   * Unmounts all of them, as a shutdown of the machine does.
   *
   * @return the places at which a client that mounts too early would see an empty layer
   */
  List<Violation> takeAway() throws IOException {
    List<Violation> violations = new ArrayList<>();
    for (Path place : unmount()) {
      if (Files.exists(place.resolve("fs"))) {
        violations.add(
            new Violation(
                Promise.MISSING_IS_NOT_EMPTY,
                "below the layer that is mounted at %s there are files".formatted(place)));
      }
    }
    return violations;
  }

  private List<Path> unmount() throws IOException {
    if (!Files.exists(root)) {
      return List.of();
    }
    Path snapshots = root.toRealPath().resolve("snapshots");
    List<Path> places =
        MountTable.read().stream()
            .map(mount -> Path.of(mount.mountPoint().toString()))
            .filter(place -> snapshots.equals(place.getParent()))
            .toList();
    for (Path place : places) {
      unmount(place);
    }
    return places;
  }

  private static void unmount(Path place) throws ErrnoException {
    Mounts.umount2(LinuxPath.of(place), UnmountFlag.DETACH, UnmountFlag.NO_FOLLOW);
  }

  @Override
  public void close() throws IOException {
    unmount();
  }
}
