package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.TreeManifest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Descriptions of a chain of committed snapshots of the overlay driver. */
final class CommittedLayers {

  private static final String VIEW = "merged";

  private CommittedLayers() {}

  /**
   * {@return the lines of each layer by itself} Asserts that the usage of each equals that of a
   * walk.
   *
   * @param names from the lowest
   * @param files the directories with the files of each layer
   */
  static List<String> apart(
      Snapshotter snapshots, List<String> names, List<Path> files, Set<TreeManifest.Detail> details)
      throws Exception {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      for (String line : TreeManifest.of(files.get(i), details)) {
        if (!line.startsWith(". ")) {
          lines.add("layer %d: %s%s".formatted(i, withoutNow(line), opaque(files.get(i), line)));
        }
      }
      assertThat(snapshots.usage(names.get(i))).isEqualTo(counted(files.get(i)));
    }
    return lines;
  }

  /** {@return the lines of a view of a snapshot} */
  static List<String> together(Snapshotter snapshots, String name, Set<TreeManifest.Detail> details)
      throws Exception {
    List<String> lines;
    try (KernelMount view = KernelMount.of(snapshots.view(VIEW, name, Map.of()))) {
      lines = TreeManifest.of(view.path(), details);
    }
    snapshots.remove(VIEW);
    return lines.subList(1, lines.size()).stream().map(CommittedLayers::withoutNow).toList();
  }

  /** {@return the directory with the files of the snapshot that has these mounts} */
  static Path files(List<Mount> mounts) {
    Mount mount = mounts.getFirst();
    return mount.type().equals("overlay")
        ? WalkingDiffer.option(mount, "upperdir=")
        : Path.of(mount.source());
  }

  /**
   * Removes times that differ from run to run: whiteouts and implicit directories have the time of
   * their creation, and reading a directory changes its access time.
   */
  private static String withoutNow(String line) {
    String lasting =
        line.contains(" type=DIRECTORY ") ? line.replaceAll(" atime=[0-9.]+", "") : line;
    return lasting.replaceAll("[ma]time=1[7-9][0-9]{8}[.][0-9]{9}", "now");
  }

  private static Usage counted(Path files) throws Exception {
    try (Fd top = Fcntl.open(LinuxPath.of(files), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      return TreeUsage.of(top);
    }
  }

  private static String opaque(Path files, String line) throws Exception {
    if (!line.contains(" type=DIRECTORY ")) {
      return "";
    }
    Path path = files.resolve(line.substring(0, line.indexOf(" type=")));
    return Xattr.llistxattr(Fd.CURRENT_DIRECTORY, LinuxPath.of(path))
            .contains(LinuxPath.of("trusted.overlay.opaque"))
        ? " opaque"
        : "";
  }
}
