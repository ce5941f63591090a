package io.gatun.server.crash;

import io.gatun.snapshot.Mount;
import java.nio.file.Path;
import java.util.List;

/**
 * The place of a snapshot's files, derived from the daemon's mounts like in containerd's differ.
 *
 * @param own the directory of the snapshot's own files; for a view, its parent's
 * @param id the id in that path
 */
record MountedFiles(Path own, long id) {

  private static final String UPPER = "upperdir=";
  private static final String LOWER = "lowerdir=";

  static MountedFiles of(List<Mount> mounts) {
    if (mounts.size() != 1) {
      throw new AssertionError("expected one mount: " + mounts);
    }
    Mount mount = mounts.getFirst();
    String own =
        switch (mount.type()) {
          case "bind" -> mount.source();
          case "overlay" -> ownDirectory(mount.options());
          default -> throw new AssertionError("unexpected mount: " + mount);
        };
    Path path = Path.of(own);
    return new MountedFiles(path, Long.parseLong(path.getName(path.getNameCount() - 2).toString()));
  }

  private static String ownDirectory(List<String> options) {
    for (String option : options) {
      if (option.startsWith(UPPER)) {
        return option.substring(UPPER.length());
      }
    }
    for (String option : options) {
      if (option.startsWith(LOWER)) {
        return option.substring(LOWER.length()).split(":", 2)[0];
      }
    }
    throw new AssertionError("an overlay without directories: " + options);
  }
}
