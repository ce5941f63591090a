package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Xattr;
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

/** What is known of committed snapshots of the overlay driver that lie on one another. */
final class CommittedLayers {

  private static final String VIEW = "merged";

  private CommittedLayers() {}

  /**
   * {@return each layer by itself, line by line; that its usage is what a walk counts is asserted}
   *
   * @param names from the lowest
   * @param files where the files of each are
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

  /** {@return what a view of a snapshot shows, line by line} */
  static List<String> together(Snapshotter snapshots, String name, Set<TreeManifest.Detail> details)
      throws Exception {
    List<String> lines;
    try (KernelMount view = KernelMount.of(snapshots.view(VIEW, name, Map.of()))) {
      lines = TreeManifest.of(view.path(), details);
    }
    snapshots.remove(VIEW);
    return lines.subList(1, lines.size()).stream().map(CommittedLayers::withoutNow).toList();
  }

  /** {@return where the files of the snapshot are that has these mounts} */
  static Path files(List<Mount> mounts) {
    Mount mount = mounts.getFirst();
    return mount.type().equals("overlay")
        ? WalkingDiffer.option(mount, "upperdir=")
        : Path.of(mount.source());
  }

  /**
   * Whiteouts and directories that nobody has named have the time at which they were made. And who
   * looks into a directory changes when that was last done.
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
