package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.MountEntry;
import io.gatun.linux.MountTable;
import io.gatun.linux.Mounts;
import io.gatun.linux.UnmountFlag;
import java.nio.file.Path;

/** The mounts of kept layers, as a start of the machine leaves them: gone. */
final class LayerMounts {

  private LayerMounts() {}

  /**
   * Takes away all mounts in {@code snapshots/}.
   *
   * @param root of Gatun
   */
  static void detachAll(Path root) throws ErrnoException {
    for (MountEntry mount : MountTable.read()) {
      Path place = Path.of(mount.mountPoint().toString());
      if (root.resolve("snapshots").equals(place.getParent())) {
        Mounts.umount2(LinuxPath.of(place), UnmountFlag.DETACH);
      }
    }
  }
}
