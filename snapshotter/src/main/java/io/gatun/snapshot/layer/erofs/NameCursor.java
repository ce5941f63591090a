package io.gatun.snapshot.layer.erofs;

import java.io.IOException;
import java.util.Arrays;

/** Iterates over the existing names of one directory in order. */
final class NameCursor {

  private static final int DEPTH = 64;

  private final NameTree names;
  private int[] above = new int[DEPTH];
  private int depth;

  NameCursor(NameTree names) {
    this.names = names;
  }

  /** Starts with the names below a root. */
  void start(int root) throws IOException {
    depth = 0;
    descend(root);
  }

  int next() throws IOException {
    while (depth > 0) {
      int name = above[--depth];
      descend(names.right(name));
      if (names.inode(name) != 0) {
        return name;
      }
    }
    return 0;
  }

  private void descend(int from) throws IOException {
    for (int at = from; at != 0; at = names.left(at)) {
      if (depth == above.length) {
        above = Arrays.copyOf(above, 2 * depth);
      }
      above[depth++] = at;
    }
  }
}
