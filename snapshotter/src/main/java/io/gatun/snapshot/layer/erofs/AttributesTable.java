package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.LinuxPath;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Behind the blocks of an index of a layer on top of others: where the directories are that inherit
 * from these, so that {@link ImageTemplate} can make one for other layers below without reading the
 * tar. In whole blocks, and numbers are little-endian:
 *
 * <pre>
 *   int     "GTIT"
 *   int     how many directories, or -1 if one for other layers has to be made of the tar
 *   int     nid of the top of the layer's tree
 *   each:
 *     int   nid; 0 if the layer names the directory later, or it is gone
 *     int   gid that it has if it inherits nothing
 *     int   how long the path is, and then the path
 * </pre>
 */
final class AttributesTable {

  static final int MAGIC = 0x5449_5447;
  static final int NONE = -1;

  /** An image decides how long paths are; those of all directories together stay below this. */
  static final int PATH_BYTES_MAX = 64 << 10;

  /** All of it, before the last block is filled up. */
  static final int BYTES_MAX = 3 * Integer.BYTES * (1 + InheritingDirectories.MAX) + PATH_BYTES_MAX;

  private final IndexTree tree;
  private final InheritingDirectories directories;

  AttributesTable(IndexTree tree, InheritingDirectories directories) {
    this.tree = tree;
    this.directories = directories;
  }

  /** Writes it, and fills the last block up. */
  void write(ImageFile image) throws IOException {
    Optional<List<InheritingDirectories.Directory>> all = directories.all();
    boolean isUsable = all.isPresent() && pathBytes(all.get()) <= PATH_BYTES_MAX;
    List<InheritingDirectories.Directory> listed = isUsable ? all.get() : List.of();
    image.putInt(MAGIC);
    image.putInt(isUsable ? listed.size() : NONE);
    image.putInt(tree.inodes().nid(tree.top()));
    for (InheritingDirectories.Directory directory : listed) {
      boolean isInheriting = tree.inodes().isMarked(directory.inode(), Inodes.IMPLICIT);
      image.putInt(isInheriting ? tree.inodes().nid(directory.inode()) : 0);
      image.putInt(directory.gid());
      LinuxPath path = directories.path(directory);
      image.putInt(path.length());
      image.put(path.bytes());
    }
    image.padTo(Erofs.align(image.position(), Erofs.BLOCK_BYTES));
  }

  private long pathBytes(List<InheritingDirectories.Directory> all) throws IOException {
    long bytes = 0;
    for (InheritingDirectories.Directory directory : all) {
      bytes += directories.path(directory).length();
      if (bytes > PATH_BYTES_MAX) {
        break;
      }
    }
    return bytes;
  }
}
