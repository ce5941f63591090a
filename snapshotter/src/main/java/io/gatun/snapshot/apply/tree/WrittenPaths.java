package io.gatun.snapshot.apply.tree;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.apply.memory.PagedMemory;
import io.gatun.snapshot.apply.memory.PagedTable;

/**
 * The paths that a layer has written, by their hashes alone, since there may be millions. That two
 * paths of a layer and its parent have one hash of 64 bits is unlikely if it happens and if it is
 * made to happen keeps a file that the maker of the image could as well have kept openly.
 */
final class WrittenPaths {

  private final PagedTable hashes;

  WrittenPaths(PagedMemory memory) {
    this.hashes = new PagedTable(memory);
  }

  void add(LinuxPath directory, LinuxPath name) throws ErrnoException {
    add(PathHash.of(directory, name));
  }

  /** Adds a path and every directory on the way to it. */
  void addWithAllAbove(LinuxPath path) throws ErrnoException {
    long state = PathHash.begin();
    for (byte each : path.bytes()) {
      if (each == '/') {
        add(PathHash.end(state));
      }
      state = PathHash.next(state, each);
    }
    add(PathHash.end(state));
  }

  boolean contains(LinuxPath directory, LinuxPath name) throws ErrnoException {
    return contains(PathHash.of(directory, name));
  }

  private void add(long hash) throws ErrnoException {
    if (!contains(hash)) {
      hashes.add(upper(hash), lower(hash));
    }
  }

  private boolean contains(long hash) throws ErrnoException {
    int wanted = lower(hash);
    return hashes.find(upper(hash), value -> value == wanted) != 0;
  }

  private static int upper(long hash) {
    return (int) (hash >>> Integer.SIZE);
  }

  /** A table takes no 0. */
  private static int lower(long hash) {
    return (int) hash == 0 ? 1 : (int) hash;
  }
}
