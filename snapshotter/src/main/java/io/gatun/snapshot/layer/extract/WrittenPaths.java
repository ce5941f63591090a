package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.PagedTable;

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

  /** Adds a path in a directory that was added with all above it. */
  void add(LinuxPath directory, LinuxPath name) throws ErrnoException {
    add(PathHash.of(directory, name));
  }

  /**
   * Adds a path and every directory on the way to it. From below, since a layer may go to and fro
   * between deep directories: above one that is known, all are.
   */
  void addWithAllAbove(LinuxPath path) throws ErrnoException {
    byte[] bytes = path.bytes();
    long[] above = new long[bytes.length / 2];
    int count = 0;
    long state = PathHash.begin();
    for (byte each : bytes) {
      if (each == '/') {
        above[count++] = PathHash.end(state);
      }
      state = PathHash.next(state, each);
    }
    boolean isNew = add(PathHash.end(state));
    while (isNew && count > 0) {
      isNew = add(above[--count]);
    }
  }

  boolean contains(LinuxPath directory, LinuxPath name) throws ErrnoException {
    return contains(PathHash.of(directory, name));
  }

  /** {@return whether it was not there} */
  private boolean add(long hash) throws ErrnoException {
    if (contains(hash)) {
      return false;
    }
    hashes.add(upper(hash), lower(hash));
    return true;
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
