package io.gatun.snapshot.layer.index;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexTree;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The implicit directories of a layer, in the order of their first use. They can inherit attributes
 * from lower layers that are known only after the layer has been read.
 *
 * <p>That is too late if other entries depend on an inherited attribute: new entries depend on the
 * default access control list and the set-group-ID bit of their directory; and any extended
 * attribute affects which ones are shared, and persists if the directory gets an entry later.
 */
final class InheritingDirectories {

  /** No reasonable layer has more. */
  static final int MAX = 1_000;

  private static final int SET_GROUP_ID = 02000;

  private final IndexTree tree;
  private final List<Directory> all = new ArrayList<>();
  private boolean isTooLate;

  /**
   * @param top attributes of the layer's root directory
   */
  InheritingDirectories(IndexTree tree, InheritedAttributes top) {
    this.tree = tree;
    this.isTooLate = isPassedOn(top);
  }

  /**
   * An implicit directory.
   *
   * @param inode may have been removed or got an entry since
   * @param gid the group that it has if it inherits nothing
   */
  record Directory(int inode, int gid) {}

  /**
   * Adds a directory. Its path, whose length has no limit, stays in the tree.
   *
   * @param gid the group that it has if it inherits nothing
   * @param isPlain whether it has no attributes from its parent directory
   * @param inherited attributes from lower layers, as far as they are known
   */
  void add(int inode, int gid, boolean isPlain, Optional<InheritedAttributes> inherited) {
    boolean isPassedOn = inherited.isPresent() && isPassedOn(inherited.get());
    if (!isPlain || isPassedOn || all.size() == MAX) {
      isTooLate = true;
    } else {
      all.add(new Directory(inode, gid));
    }
  }

  /** {@return all of them; empty if it is too late} */
  Optional<List<Directory>> all() {
    return isTooLate ? Optional.empty() : Optional.of(all);
  }

  LinuxPath path(Directory directory) throws IOException {
    return new TreePath(tree).of(directory.inode);
  }

  /** {@return the inherited attributes of each; empty if it is too late} */
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

  /** {@return whether the content of a directory may depend on its attributes} */
  static boolean isPassedOn(InheritedAttributes attributes) {
    return !attributes.xattrs().isEmpty() || (attributes.mode() & SET_GROUP_ID) != 0;
  }
}
