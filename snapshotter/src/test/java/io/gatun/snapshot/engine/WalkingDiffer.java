package io.gatun.snapshot.engine;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Unpacks a layer in the way of containerd's differ: into the upper directory of an overlay, with
 * whiteouts for deletions, and into any other mount by deleting files.
 */
public final class WalkingDiffer {

  private static final String WHITEOUT = ".wh.";
  private static final String OPAQUE = ".wh..wh..opq";

  private WalkingDiffer() {}

  /**
   * Unpacks a layer.
   *
   * @param entries in order: directories, which end with a slash, whiteouts, and files that contain
   *     their own names
   */
  public static void apply(List<Mount> mounts, List<String> entries) throws Exception {
    Mount mount = mounts.getFirst();
    if (mount.type().equals("overlay")) {
      apply(option(mount, "upperdir="), entries, true);
    } else {
      try (KernelMount mounted = KernelMount.of(mounts)) {
        apply(mounted.path(), entries, false);
      }
    }
  }

  public static Path option(Mount mount, String name) {
    return mount.options().stream()
        .filter(option -> option.startsWith(name))
        .map(option -> Path.of(option.substring(name.length())))
        .findFirst()
        .orElseThrow();
  }

  private static void apply(Path top, List<String> entries, boolean marks) throws Exception {
    for (String entry : entries) {
      Path path = top.resolve(entry);
      String name = entry.substring(entry.lastIndexOf('/') + 1);
      Path directory = top.resolve(entry.substring(0, entry.lastIndexOf('/') + 1));
      if (entry.endsWith("/")) {
        Files.createDirectories(path);
      } else if (name.equals(OPAQUE)) {
        if (marks) {
          Xattr.lsetxattr(
              Fd.CURRENT_DIRECTORY,
              LinuxPath.of(directory),
              LinuxPath.of("trusted.overlay.opaque"),
              "y".getBytes(StandardCharsets.US_ASCII));
        } else {
          remove(directory);
          Files.createDirectory(directory);
        }
      } else if (name.startsWith(WHITEOUT)) {
        Path deleted = path.resolveSibling(name.substring(WHITEOUT.length()));
        if (marks) {
          Stat.mknodat(
              Fd.CURRENT_DIRECTORY, LinuxPath.of(deleted), NodeType.CHARACTER_DEVICE, 0, 0, 0);
        } else {
          remove(deleted);
        }
      } else {
        Files.writeString(path, entry);
      }
    }
    // Every layer has entries for its directories, and thus sets their times.
    for (String entry : entries.reversed()) {
      if (entry.endsWith("/") || !entry.contains(WHITEOUT)) {
        Timespec time = new Timespec(1_000_000_000L + entry.length(), 7);
        Stat.utimensat(
            Fd.CURRENT_DIRECTORY,
            LinuxPath.of(top.resolve(entry)),
            time,
            time,
            AtFlag.SYMLINK_NOFOLLOW);
      }
    }
  }

  private static void remove(Path path) {
    LoopFilesystem.run(List.of("rm", "-rf", "--", path.toString()));
  }
}
