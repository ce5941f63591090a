package io.gatun.snapshot.apply.index;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The directories that a layer needs and does not name, in the order in which it turned out to need
 * them; for layers below that become known when all of it has been read.
 *
 * <p>What is made in a directory may depend on what that inherits: on its default access control
 * list and on its set-group-ID bit. Any extended attribute counts for which of them are shared, and
 * stays with a directory that is named later. With these it is too late.
 */
final class InheritingDirectories {

  /** A layer with more of them is one that nobody makes for good. */
  private static final int MAX = 1_000;

  private static final int SET_GROUP_ID = 02000;

  private final IndexTree tree;
  private final List<Integer> all = new ArrayList<>();
  private boolean isTooLate;

  InheritingDirectories(IndexTree tree) {
    this.tree = tree;
  }

  /**
   * One of them, with what it inherits.
   *
   * @param directory the inode, which may be gone by now, or be named
   */
  record Found(int directory, Optional<InheritedAttributes> inherited) {}

  /**
   * Adds one. Its path, of which nobody knows how long it is, is in the tree for good.
   *
   * @param isPlain whether it has no attributes from the directory in which it is
   */
  void add(int directory, boolean isPlain) {
    if (!isPlain || all.size() == MAX) {
      isTooLate = true;
    } else {
      all.add(directory);
    }
  }

  /** {@return all of them; nothing if it is too late} */
  Optional<List<Found>> find(InheritedAttributes top, Inheritance below) throws IOException {
    if (isTooLate || isPassedOn(top)) {
      return Optional.empty();
    }
    TreePath paths = new TreePath(tree);
    List<Found> found = new ArrayList<>();
    for (int directory : all) {
      Optional<InheritedAttributes> inherited = below.of(paths.of(directory));
      if (inherited.isPresent() && isPassedOn(inherited.get())) {
        return Optional.empty();
      }
      found.add(new Found(directory, inherited));
    }
    return Optional.of(found);
  }

  private static boolean isPassedOn(InheritedAttributes attributes) {
    return !attributes.xattrs().isEmpty() || (attributes.mode() & SET_GROUP_ID) != 0;
  }
}
