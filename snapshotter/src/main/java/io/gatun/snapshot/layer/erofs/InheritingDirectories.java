package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.tar.InheritedAttributes;
import io.gatun.snapshot.layer.tar.LowerAttributes;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The directories that a layer needs and does not name, in the order in which it turned out to need
 * them; for layers below that become known, or are others, when all of it has been read.
 *
 * <p>What is made in a directory may depend on what that inherits: on its default access control
 * list and on its set-group-ID bit. Any extended attribute counts for which of them are shared, and
 * stays with a directory that is named later. With these it is too late.
 */
final class InheritingDirectories {

  /** A layer with more of them is one that nobody makes for good. */
  static final int MAX = 1_000;

  private static final int SET_GROUP_ID = 02000;

  private final IndexTree tree;
  private final List<Directory> all = new ArrayList<>();
  private boolean isTooLate;

  /**
   * @param top what the top of the layer's tree has
   */
  InheritingDirectories(IndexTree tree, InheritedAttributes top) {
    this.tree = tree;
    this.isTooLate = isPassedOn(top);
  }

  /**
   * One of them.
   *
   * @param inode which may be gone by now, or be named
   * @param gid the group that it has if it inherits nothing
   */
  record Directory(int inode, int gid) {}

  /**
   * Adds one. Its path, of which nobody knows how long it is, is in the tree for good.
   *
   * @param gid the group that it has if it inherits nothing
   * @param isPlain whether it has no attributes from the directory in which it is
   * @param inherited what it inherits as far as that is known
   */
  void add(int inode, int gid, boolean isPlain, Optional<InheritedAttributes> inherited) {
    boolean isPassedOn = inherited.isPresent() && isPassedOn(inherited.get());
    if (!isPlain || isPassedOn || all.size() == MAX) {
      isTooLate = true;
    } else {
      all.add(new Directory(inode, gid));
    }
  }

  /** {@return all of them; nothing if it is too late} */
  Optional<List<Directory>> all() {
    return isTooLate ? Optional.empty() : Optional.of(all);
  }

  LinuxPath path(Directory directory) throws IOException {
    return new TreePath(tree).of(directory.inode);
  }

  /** {@return what each of them inherits; nothing if it is too late} */
  Optional<List<Optional<InheritedAttributes>>> find(InheritedAttributes top, LowerAttributes below)
      throws IOException {
    if (isTooLate || isPassedOn(top)) {
      return Optional.empty();
    }
    List<Optional<InheritedAttributes>> found = new ArrayList<>();
    for (Directory directory : all) {
      Optional<InheritedAttributes> inherited = below.of(path(directory));
      if (inherited.isPresent() && isPassedOn(inherited.get())) {
        return Optional.empty();
      }
      found.add(inherited);
    }
    return Optional.of(found);
  }

  /** {@return whether what is in a directory may depend on these attributes of it} */
  static boolean isPassedOn(InheritedAttributes attributes) {
    return !attributes.xattrs().isEmpty() || (attributes.mode() & SET_GROUP_ID) != 0;
  }
}
