package io.gatun.snapshot.state;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.root.Root;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/**
 * Finds the snapshot that mounts refer to, by the paths in them. The caller has to check that they
 * equal the mounts of that snapshot.
 */
public final class SnapshotMounts {

  private static final String UPPER = "upperdir=";
  private static final String LOWER = "lowerdir=";
  private static final String FILES = "/fs";

  private final String prefix;

  /**
   * @param root the absolute path of the root, as mounts contain it
   */
  public SnapshotMounts(Path root) {
    this.prefix = root + "/snapshots/";
  }

  /**
   * {@return the id of the snapshot whose files these mounts show, or of its nearest parent if it
   * has no files of its own; empty if they do not belong to this root}
   */
  public OptionalLong snapshotId(List<Mount> mounts) {
    if (mounts.size() != 1) {
      return OptionalLong.empty();
    }
    Mount mount = mounts.getFirst();
    return switch (mount.type()) {
      case "bind" -> idIn(mount.source());
      case "overlay" -> {
        OptionalLong upper = idIn(option(mount, UPPER));
        yield upper.isPresent() ? upper : idIn(option(mount, LOWER).split(":", 2)[0]);
      }
      default -> OptionalLong.empty();
    };
  }

  private static String option(Mount mount, String name) {
    return mount.options().stream()
        .filter(option -> option.startsWith(name))
        .map(option -> option.substring(name.length()))
        .findFirst()
        .orElse("");
  }

  private OptionalLong idIn(String path) {
    if (!path.startsWith(prefix) || !path.endsWith(FILES)) {
      return OptionalLong.empty();
    }
    int end = path.length() - FILES.length();
    if (end <= prefix.length() || path.indexOf('\0') >= 0) {
      return OptionalLong.empty();
    }
    long id = Root.snapshotId(LinuxPath.of(path.substring(prefix.length(), end)));
    return id == Root.NO_SNAPSHOT ? OptionalLong.empty() : OptionalLong.of(id);
  }
}
