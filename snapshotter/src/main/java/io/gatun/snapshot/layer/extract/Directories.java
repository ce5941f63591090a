package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.snapshot.layer.entry.LayerPath;
import io.gatun.snapshot.layer.lower.LinkResolver;
import io.gatun.snapshot.layer.lower.LowerTreeAttributes;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.layer.lower.PathText;
import io.gatun.snapshot.layer.lower.SecureOpen;
import io.gatun.snapshot.root.Disk;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Resolves the directory paths in a layer and creates missing directories.
 *
 * <p>Links are followed within the tree's root, even to missing targets, which are then created.
 */
final class Directories implements AutoCloseable {

  private static final int IMPLICIT_MODE = 0755;

  /**
   * One step down.
   *
   * @param isMade whether the directory was just created
   */
  private record Step(OpenDirectory directory, boolean isMade) {}

  private final Extraction layer;
  private final Disk disk;
  private final Ownership ownership;
  private final LowerTreeAttributes lowers;
  private final Deletions deletions;
  private final DirectoryCache cache;
  private final OpenDirectory top;

  /** Most entries of a sorted layer share the directory of the one before. */
  private LinuxPath lastRequired = LinuxPath.EMPTY;

  private LinuxPath visitedPlace = LinuxPath.EMPTY;
  private @Nullable Fd visited;

  Directories(Extraction layer, LowerTreeAttributes lowers, Deletions deletions) {
    this.layer = layer;
    this.disk = layer.disk();
    this.ownership = layer.ownership();
    this.cache = layer.cache();
    this.top = layer.top();
    this.lowers = lowers;
    this.deletions = deletions;
  }

  /** {@return a directory in which to create an entry, valid until {@link #release}} */
  OpenDirectory require(LinuxPath path) throws ErrnoException {
    OpenDirectory known = findDirectly(path);
    OpenDirectory directory = known != null ? known : keep(path, make(path));
    if (!directory.path().equals(lastRequired)) {
      lastRequired = directory.path();
      deletions.entered(directory);
    }
    return directory;
  }

  /**
   * {@return a directory, valid until {@link #release}}
   *
   * @throws ErrnoException {@code ENOENT} if it does not exist
   */
  OpenDirectory find(LinuxPath path) throws ErrnoException {
    OpenDirectory known = findDirectly(path);
    if (known != null) {
      return known;
    }
    LinuxPath place = LinkResolver.resolve(top.fd(), path);
    return keep(path, opened(SecureOpen.open(top.fd(), place), place));
  }

  /**
   * {@return a directory, valid until the next call; null if there is none, or only behind a link}
   * For visiting many directories in turn after all entries were created.
   */
  @Nullable Fd visit(LinuxPath place) throws ErrnoException {
    if (place.isEmpty()) {
      return top.fd();
    }
    OpenDirectory known = cache.get(place);
    if (known != null) {
      return known.path().equals(place) ? known.fd() : null;
    }
    if (visited == null || !place.equals(visitedPlace)) {
      leave();
      try {
        visited = SecureOpen.open(top.fd(), place);
        visitedPlace = place;
      } catch (ErrnoException e) {
        if (!SecureOpen.isElsewhere(e)) {
          throw e;
        }
      }
    }
    return visited;
  }

  private void leave() {
    if (visited != null) {
      visited.close();
      visited = null;
    }
  }

  /** {@return a cached directory, or one whose path has no links; otherwise null} */
  private @Nullable OpenDirectory findDirectly(LinuxPath path) throws ErrnoException {
    if (path.isEmpty()) {
      return top;
    }
    OpenDirectory known = cache.get(path);
    if (known != null) {
      return known;
    }
    Fd fd;
    try {
      fd = SecureOpen.open(top.fd(), path);
    } catch (ErrnoException e) {
      if (SecureOpen.isElsewhere(e)) {
        return null;
      }
      throw e;
    }
    return keep(path, opened(fd, path));
  }

  /**
   * Caches a directory and takes over its descriptor. Uses the resolved path, because the path in
   * the layer may have led there through the very link that the directory replaced.
   */
  void enter(OpenDirectory parent, LinuxPath name, Fd fd, boolean isPlain) {
    LinuxPath place = parent.path().resolve(name);
    keep(place, new OpenDirectory(fd, place, isPlain));
  }

  /** Closes directories that are no longer cached; callers must not use them any more. */
  void release() {
    cache.release();
  }

  @Override
  public void close() {
    leave();
    cache.close();
  }

  private OpenDirectory keep(LinuxPath path, OpenDirectory directory) {
    cache.put(path, directory);
    return directory;
  }

  private OpenDirectory opened(Fd fd, LinuxPath place) throws ErrnoException {
    try {
      return new OpenDirectory(fd, place, ownership.isPlain(fd));
    } catch (Throwable e) {
      fd.close();
      throw e;
    }
  }

  /** {@return the directory of a path, following links and creating missing components} */
  private OpenDirectory make(LinuxPath path) throws ErrnoException {
    List<LinuxPath> names = PathText.components(path);
    OpenDirectory parent = cache.get(PathText.parent(path));
    return parent != null
        ? descend(parent, List.of(names.getLast()), true)
        : descend(top, names, true);
  }

  private OpenDirectory descend(OpenDirectory from, List<LinuxPath> names, boolean mayFollow)
      throws ErrnoException {
    Step at = new Step(from, false);
    for (int i = 0; i < names.size(); i++) {
      OpenDirectory above = at.directory;
      try {
        // A new directory is empty, so no lookup is needed.
        at =
            at.isMade
                ? new Step(make(above, names.get(i), false), true)
                : step(above, names.get(i), mayFollow);
      } finally {
        if (i > 0) {
          above.fd().close();
        }
      }
    }
    return at.directory;
  }

  private Step step(OpenDirectory parent, LinuxPath name, boolean mayFollow) throws ErrnoException {
    LinuxPath place = parent.path().resolve(name);
    Fd fd;
    try {
      fd = SecureOpen.openChild(parent.fd(), name);
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOENT)) {
        return new Step(make(parent, name, false), true);
      }
      if (!SecureOpen.isElsewhere(e)) {
        throw e;
      }
      if (deletions.isWhiteout(parent, name)) {
        // The layer deleted the name first and now uses it as a directory.
        layer.remove(parent.fd(), name);
        return new Step(make(parent, name, true), true);
      }
      LinuxPath target = LinkResolver.resolve(top.fd(), place);
      if (!mayFollow || target.equals(place)) {
        throw e;
      }
      return new Step(
          target.isEmpty()
              ? opened(SecureOpen.open(top.fd(), target), target)
              : descend(top, PathText.components(target), false),
          false);
    }
    return new Step(opened(fd, place), false);
  }

  /** Creates an implicit directory. */
  private OpenDirectory make(OpenDirectory parent, LinuxPath name, boolean isHidingBelow)
      throws ErrnoException {
    disk.createDirectory(parent.fd(), name, IMPLICIT_MODE);
    Fd fd = SecureOpen.openChild(parent.fd(), name);
    try {
      if (!parent.isPlain() || !ownership.isInitialMode(IMPLICIT_MODE)) {
        disk.setMode(fd, IMPLICIT_MODE);
      }
      LinuxPath place = parent.path().resolve(name);
      Optional<FileStatus> inherited = Optional.empty();
      if (isHidingBelow) {
        deletions.hideBelow(fd);
      } else {
        inherited = lowers.inherit(disk, fd, place);
      }
      layer.ledger().madeImplicit(new LayerPath(parent.path(), name), isHidingBelow, inherited);
      return new OpenDirectory(fd, place, ownership.isPlain(fd));
    } catch (Throwable e) {
      fd.close();
      throw e;
    }
  }
}
