package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.tar.LayerPath;
import io.gatun.snapshot.root.Disk;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The directories of the tree, found by the paths under which a layer names them, and made where
 * they are missing.
 *
 * <p>Links on the way are followed as if the top were the root of everything, also to places where
 * nothing is yet, which are then made.
 */
final class Directories implements AutoCloseable {

  private static final int IMPLICIT_MODE = 0755;

  /**
   * One step down.
   *
   * @param isMade whether the directory was just made
   */
  private record Step(OpenDirectory directory, boolean isMade) {}

  private final Disk disk;
  private final Ownership ownership;
  private final LowerDirectories lowers;
  private final DeferredAttributes ledger;
  private final Deletions deletions;
  private final Removal removal;
  private final DirectoryCache cache;
  private final OpenDirectory top;

  /** Layers are sorted, mostly, so that most entries are where the one before was. */
  private LinuxPath lastRequired = LinuxPath.EMPTY;

  private LinuxPath visitedPlace = LinuxPath.EMPTY;
  private @Nullable Fd visited;

  /**
   * @param top which stays the caller's to close
   */
  Directories(
      Disk disk,
      Ownership ownership,
      LowerDirectories lowers,
      DeferredAttributes ledger,
      Deletions deletions,
      Removal removal,
      DirectoryCache cache,
      OpenDirectory top) {
    this.disk = disk;
    this.ownership = ownership;
    this.lowers = lowers;
    this.ledger = ledger;
    this.deletions = deletions;
    this.removal = removal;
    this.cache = cache;
    this.top = top;
  }

  /** {@return a directory in which something is to be made, valid until {@link #release}} */
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
   * @throws ErrnoException {@code ENOENT} if it is not there
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
   * {@return a directory, valid until the next call, or null if there is none at a place, or only
   * behind a link} For looking at many, one after the other, in which nothing is made any more.
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

  /** {@return a directory that is known, or to which no link leads; otherwise null} */
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
   * Keeps a directory that is in another, with its descriptor, which now belongs to this. By its
   * place, since the path under which it was named may have led there by the very link that it has
   * replaced.
   */
  void enter(OpenDirectory parent, LinuxPath name, Fd fd, boolean isPlain) {
    LinuxPath place = parent.path().resolve(name);
    keep(place, new OpenDirectory(fd, place, isPlain));
  }

  /** Closes what is no longer needed, which must not be used any more. */
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
    boolean isOpened = false;
    try {
      OpenDirectory directory = new OpenDirectory(fd, place, ownership.isPlain(fd));
      isOpened = true;
      return directory;
    } finally {
      if (!isOpened) {
        fd.close();
      }
    }
  }

  /** {@return what a path leads to, links being followed and what is missing being made} */
  private OpenDirectory make(LinuxPath path) throws ErrnoException {
    List<LinuxPath> names = PathText.components(path);
    OpenDirectory parent = cache.get(PathText.join(names.subList(0, names.size() - 1)));
    if (parent != null) {
      return descend(parent, names.subList(names.size() - 1, names.size()), true);
    }
    return descend(top, names, true);
  }

  private OpenDirectory descend(OpenDirectory from, List<LinuxPath> names, boolean mayFollow)
      throws ErrnoException {
    Step at = new Step(from, false);
    for (int i = 0; i < names.size(); i++) {
      OpenDirectory above = at.directory;
      try {
        // There is nothing in what was just made, so that nobody has to look.
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
      if (SecureOpen.isMissing(e)) {
        return new Step(make(parent, name, false), true);
      }
      if (!SecureOpen.isElsewhere(e)) {
        throw e;
      }
      if (deletions.isWhiteout(parent, name)) {
        // The layer has said that what was there is gone, and now that there is something else.
        removal.remove(parent.fd(), name);
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

  /** Makes a directory that the layer has not named. */
  private OpenDirectory make(OpenDirectory parent, LinuxPath name, boolean isHidingBelow)
      throws ErrnoException {
    disk.createDirectory(parent.fd(), name, IMPLICIT_MODE);
    Fd fd = SecureOpen.openChild(parent.fd(), name);
    boolean isMade = false;
    try {
      if (!parent.isPlain() || !ownership.isInitialMode(IMPLICIT_MODE)) {
        disk.setMode(fd, IMPLICIT_MODE);
      }
      LinuxPath place = parent.path().resolve(name);
      Optional<FileStatus> inherited = Optional.empty();
      if (isHidingBelow) {
        deletions.hideBelow(fd);
      } else {
        inherited = lowers.inherit(fd, place);
      }
      ledger.madeImplicit(new LayerPath(parent.path(), name), isHidingBelow, inherited);
      OpenDirectory made = new OpenDirectory(fd, place, ownership.isPlain(fd));
      isMade = true;
      return made;
    } finally {
      if (!isMade) {
        fd.close();
      }
    }
  }
}
