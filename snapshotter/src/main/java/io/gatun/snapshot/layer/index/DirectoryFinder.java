package io.gatun.snapshot.layer.index;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.erofs.IndexTree;
import io.gatun.snapshot.layer.erofs.Inodes;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * Resolves the directory paths in a layer and creates missing directories. Links are followed
 * within the layer's root, even to missing targets, exactly as when a layer is extracted.
 */
final class DirectoryFinder {

  /** containerd's limit; the kernel's own is 40. */
  private static final int LINKS_MAX = 255;

  /** Creates a directory without an entry in the layer. */
  @FunctionalInterface
  interface Maker {
    int make(int parent, byte[] name, boolean isInPlaceOfWhiteout) throws IOException;
  }

  /**
   * The destination of a path.
   *
   * @param directory the last existing directory
   * @param rest the components after it
   * @param isThere whether the rest is one existing name of a non-directory
   */
  private record Place(int directory, List<byte[]> rest, boolean isThere) {}

  private final IndexTree tree;
  private final Inodes inodes;
  private final boolean hasWhiteouts;
  private final Maker work;

  /** Cached, as most entries of a sorted layer share the directory of the one before. */
  private LinuxPath lastPath = LinuxPath.EMPTY;

  private int last;

  DirectoryFinder(IndexTree tree, boolean hasWhiteouts, Maker work) {
    this.tree = tree;
    this.inodes = tree.inodes();
    this.hasWhiteouts = hasWhiteouts;
    this.work = work;
    this.last = tree.top();
  }

  /**
   * Drops the cached result. To be called after each removal, which may change where paths lead.
   */
  void forget() {
    lastPath = LinuxPath.EMPTY;
    last = tree.top();
  }

  int require(LinuxPath path) throws IOException {
    if (path.equals(lastPath)) {
      return last;
    }
    int directory = descend(tree.top(), components(path.bytes()), true, path);
    lastPath = path;
    last = directory;
    return directory;
  }

  /**
   * {@return an existing directory}
   *
   * @throws InvalidLayerException if it does not exist
   */
  int find(LinuxPath path) throws IOException {
    if (path.equals(lastPath)) {
      return last;
    }
    Place place = resolve(tree.top(), components(path.bytes()), path);
    if (!place.rest.isEmpty()) {
      throw new InvalidLayerException(
          "%s is %s".formatted(path, place.isThere ? "not a directory" : "missing"));
    }
    return place.directory;
  }

  private int descend(int from, List<byte[]> names, boolean mayFollow, LinuxPath path)
      throws IOException {
    int at = from;
    for (byte[] name : names) {
      at = step(at, name, mayFollow, path);
    }
    return at;
  }

  private int step(int parent, byte[] name, boolean mayFollow, LinuxPath path) throws IOException {
    int child = tree.find(parent, name);
    if (child == 0) {
      return work.make(parent, name, false);
    }
    if (inodes.isDirectory(child)) {
      return child;
    }
    if (hasWhiteouts && tree.isWhiteout(child)) {
      // The layer deleted the name first and now uses it as a directory.
      tree.remove(parent, name);
      forget();
      return work.make(parent, name, true);
    }
    if (!mayFollow || inodes.type(child) != Inodes.SYMBOLIC_LINK) {
      throw notDirectory(path);
    }
    Place place = resolve(parent, List.of(name), path);
    return descend(place.directory, place.rest, false, path);
  }

  /** Resolves a path, following links at its end as well. */
  private Place resolve(int from, List<byte[]> names, LinuxPath path) throws IOException {
    Deque<byte[]> ahead = new ArrayDeque<>(names);
    List<byte[]> rest = new ArrayList<>();
    boolean isThere = false;
    int directory = from;
    int links = 0;
    while (!ahead.isEmpty()) {
      byte[] name = ahead.pop();
      if (isDots(name, 2)) {
        if (!rest.isEmpty()) {
          rest.removeLast();
          isThere = false;
        } else if (directory != tree.top()) {
          directory = inodes.parent(directory);
        }
        continue;
      }
      if (isDots(name, 1)) {
        continue;
      }
      if (isThere) {
        throw notDirectory(path);
      }
      int child = rest.isEmpty() ? tree.find(directory, name) : 0;
      if (child == 0) {
        rest.add(name);
      } else if (inodes.isDirectory(child)) {
        directory = child;
      } else if (inodes.type(child) == Inodes.SYMBOLIC_LINK) {
        links++;
        if (links > LINKS_MAX) {
          throw new InvalidLayerException("too many links on the way to %s".formatted(path));
        }
        byte[] target = tree.target(child);
        if (target[0] == '/') {
          directory = tree.top();
        }
        components(target).reversed().forEach(ahead::push);
      } else {
        rest.add(name);
        isThere = true;
      }
    }
    return new Place(directory, rest, isThere);
  }

  private static boolean isDots(byte[] name, int count) {
    return name.length == count && name[0] == '.' && name[count - 1] == '.';
  }

  private static InvalidLayerException notDirectory(LinuxPath path) {
    return new InvalidLayerException("a component of %s is not a directory".formatted(path));
  }

  /** {@return the non-empty components of a path} */
  private static List<byte[]> components(byte[] path) {
    List<byte[]> components = new ArrayList<>();
    int start = 0;
    for (int at = 0; at <= path.length; at++) {
      if (at == path.length || path[at] == '/') {
        if (at > start) {
          components.add(Arrays.copyOfRange(path, start, at));
        }
        start = at + 1;
      }
    }
    return components;
  }
}
