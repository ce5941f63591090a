package io.gatun.snapshot.layer.index;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.erofs.ImageFile;
import io.gatun.snapshot.layer.erofs.IndexTree;
import io.gatun.snapshot.layer.erofs.Inodes;
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

  private final List<Directory> all = new ArrayList<>();
  private boolean isTooLate;

  /**
   * @param top attributes of the layer's root directory
   */
  InheritingDirectories(InheritedAttributes top) {
    this.isTooLate = isPassedOn(Optional.of(top));
  }

  /**
   * An implicit directory. Its path, whose length has no limit, stays in the tree.
   *
   * @param inode may have been removed or got an entry since
   * @param gid the group that it has if it inherits nothing
   */
  record Directory(int inode, int gid) {}

  /**
   * @param isPlain whether it has no attributes from its parent directory
   * @param inherited attributes from lower layers, as far as they are known
   */
  void add(Directory directory, boolean isPlain, Optional<InheritedAttributes> inherited) {
    if (!isPlain || isPassedOn(inherited) || all.size() == MAX) {
      isTooLate = true;
    } else {
      all.add(directory);
    }
  }

  /** {@return all of them; empty if it is too late} */
  Optional<List<Directory>> all() {
    return isTooLate ? Optional.empty() : Optional.of(all);
  }

  /** Writes the table of them that follows the blocks of the index. */
  void writeTable(ImageFile image, IndexTree tree) throws IOException {
    AttributesTable.write(image, tree.inodes().nid(tree.top()), table(tree));
  }

  private Optional<List<AttributesTable.Directory>> table(IndexTree tree) throws IOException {
    if (isTooLate) {
      return Optional.empty();
    }
    List<AttributesTable.Directory> listed = new ArrayList<>();
    int pathBytes = 0;
    for (Directory directory : all) {
      LinuxPath path = tree.path(directory.inode);
      pathBytes += path.length();
      if (pathBytes > AttributesTable.PATH_BYTES_MAX) {
        return Optional.empty();
      }
      boolean isInheriting = tree.inodes().isMarked(directory.inode, Inodes.IMPLICIT);
      int nid = isInheriting ? tree.inodes().nid(directory.inode) : 0;
      listed.add(new AttributesTable.Directory(nid, directory.gid, path));
    }
    return Optional.of(listed);
  }

  /** {@return whether the content of a directory may depend on attributes that it inherits} */
  static boolean isPassedOn(Optional<InheritedAttributes> inherited) {
    return inherited
        .filter(each -> !each.xattrs().isEmpty() || (each.mode() & SET_GROUP_ID) != 0)
        .isPresent();
  }
}
