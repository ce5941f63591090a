package io.gatun.snapshot.layer.pack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Fcntl.ResolveFlag;
import io.gatun.linux.file.OpenFlag;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** The lower layers, in which only the existence of directories matters. Opened on demand. */
final class LowerTrees implements AutoCloseable {

  private static final Set<ResolveFlag> INSIDE =
      Set.of(ResolveFlag.BENEATH, ResolveFlag.NO_SYMLINKS);

  private final List<LinuxPath> paths;
  private final List<Fd> open = new ArrayList<>();

  LowerTrees(List<LinuxPath> paths) {
    this.paths = paths;
  }

  /** {@return whether a lower layer has a directory there, visible or not} */
  boolean ensureDirectory(LinuxPath path) throws ErrnoException {
    for (int i = 0; i < paths.size(); i++) {
      if (i == open.size()) {
        open.add(Fcntl.open(paths.get(i), OpenFlag.PATH, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW));
      }
      if (hasDirectory(open.get(i), path)) {
        return true;
      }
    }
    return false;
  }

  private static boolean hasDirectory(Fd lower, LinuxPath path) throws ErrnoException {
    try (Fd _ = Fcntl.openat2(lower, path, INSIDE, OpenFlag.PATH, OpenFlag.DIRECTORY)) {
      return true;
    } catch (ErrnoException e) {
      return switch (e.errno()) {
        case ENOENT, ENOTDIR, ELOOP -> false;
        // Before Linux 5.6. An unneeded opaque mark does no harm.
        case ENOSYS -> true;
        default -> throw e;
      };
    }
  }

  @Override
  public void close() {
    open.forEach(Fd::close);
  }
}
