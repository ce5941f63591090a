package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.PagedTable;

/**
 * The paths that a layer has written, as hashes only, since there may be millions. An accidental
 * collision of 64-bit hashes is unlikely; a deliberate one only keeps a file that the image could
 * have kept openly.
 */
final class WrittenPaths {

  private final PagedTable hashes;

  WrittenPaths(PagedMemory memory) {
    this.hashes = new PagedTable(memory);
  }

  /** Adds a path in a directory that was added with all its parents. */
  void add(LinuxPath directory, LinuxPath name) throws ErrnoException {
    add(PathHash.of(directory, name));
  }

  /**
   * Adds a path and all its parents, bottom up: the parents of a known directory are known, and a
   * layer may alternate between deep directories.
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

  /** A table cannot store 0. */
  private static int lower(long hash) {
    return (int) hash == 0 ? 1 : (int) hash;
  }
}
