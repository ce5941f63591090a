package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.snapshot.Mount;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Mounts what a snapshotter answers with, as containerd would, and looks at what the kernel shows.
 */
final class KernelSight implements Sight {

  private final Path target;

  /**
   * @param target an empty directory
   */
  KernelSight(Path target) {
    this.target = target;
  }

  @Override
  public Map<String, String> files(Mount mount) throws IOException {
    Map<String, String> seen = new TreeMap<>();
    use(
        mount,
        top -> {
          seen.putAll(DirectSight.filesOf(top));
          if (Layers.of(mount).upper().isEmpty()) {
            assertThatThrownBy(() -> Files.createFile(top.resolve("not-to-be-written")))
                .isInstanceOf(FileSystemException.class)
                .hasMessageContaining("Read-only file system");
          }
        });
    return seen;
  }

  @Override
  public void write(Mount mount, Use ref) throws IOException {
    use(mount, ref);
  }

  private void use(Mount mount, Use ref) throws IOException {
    LinuxPath place = LinuxPath.of(target);
    if (mount.type().equals("bind")) {
      bind(mount, place);
    } else {
      Mounts.mount(
          LinuxPath.of(mount.source()),
          place,
          mount.type(),
          Set.of(),
          String.join(",", mount.options()));
    }
    try {
      ref.with(target);
    } finally {
      Mounts.umount2(place);
    }
  }

  private static void bind(Mount mount, LinuxPath place) throws IOException {
    Mounts.mount(
        LinuxPath.of(mount.source()),
        place,
        "",
        EnumSet.of(MountFlag.BIND, MountFlag.RECURSIVE),
        "");
    if (mount.options().contains("ro")) {
      // The kernel takes no other flag together with the first.
      Mounts.mount(
          LinuxPath.EMPTY,
          place,
          "",
          EnumSet.of(MountFlag.REMOUNT, MountFlag.BIND, MountFlag.READ_ONLY),
          "");
    }
  }
}
