package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.MountEntry;
import io.gatun.linux.MountTable;
import io.gatun.linux.Mounts;
import io.gatun.linux.UnmountFlag;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** The mounts of indexed layers, as a start of the machine leaves them: gone. */
public final class KernelMounts {

  private KernelMounts() {}

  /**
   * {@return the ids of the snapshots on whose directories something is mounted}
   *
   * @param root of Gatun
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
   * Takes away all mounts in {@code snapshots/}.
   *
   * @param root of Gatun
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
