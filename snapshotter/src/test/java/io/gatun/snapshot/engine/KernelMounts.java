package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** Lists the mounts of indexed layers, and removes them as a reboot does. */
public final class KernelMounts {

  private KernelMounts() {}

  /**
   * {@return the ids of the snapshots that have a mount on their directories}
   *
   * @param root the root of Gatun
   */
  public static Set<Long> ids(Path root) throws ErrnoException {
    Set<Long> ids = new TreeSet<>();
    for (MountEntry mount : MountTable.read()) {
      Path place = Path.of(mount.mountPoint().toString());
      if (root.resolve("snapshots").equals(place.getParent())) {
        ids.add(Long.valueOf(place.getFileName().toString()));
      }
    }
    return ids;
  }

  /**
   * Removes all mounts in {@code snapshots/}.
   *
   * @param root the root of Gatun
   */
  public static void detachAll(Path root) throws ErrnoException {
    for (MountEntry mount : MountTable.read()) {
      Path place = Path.of(mount.mountPoint().toString());
      if (root.resolve("snapshots").equals(place.getParent())) {
        Mounts.umount2(LinuxPath.of(place), UnmountFlag.DETACH);
      }
    }
  }
}
