package io.gatun.snapshot.layer.index;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.erofs.Erofs;
import io.gatun.snapshot.layer.erofs.ImageFile;
import io.gatun.snapshot.layer.erofs.IndexTree;
import io.gatun.snapshot.layer.erofs.Inodes;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Follows the blocks of the index of an upper layer and lists the directories that inherit
 * attributes from lower layers, so that {@link ImageTemplate} can adapt the index to other lower
 * layers without the tar. Padded to whole blocks; numbers are little-endian:
 *
 * <pre>
 *   int     "GTIT"
 *   int     number of directories, or -1 if the index cannot be adapted
 *   int     nid of the layer's root directory
 *   each:
 *     int   nid; 0 if the directory got an entry later or was removed
 *     int   gid that it has if it inherits nothing
 *     int   length of the path, followed by the path
 * </pre>
 */
public final class AttributesTable {

  static final int MAGIC = 0x5449_5447;
  static final int NONE = -1;

  /** Paths come from the image; this limits their total length. */
  static final int PATH_BYTES_MAX = 64 << 10;

  /** The size of the table without its padding. */
  static final int BYTES_MAX = 3 * Integer.BYTES * (1 + InheritingDirectories.MAX) + PATH_BYTES_MAX;

  private final IndexTree tree;
  private final InheritingDirectories directories;

  AttributesTable(IndexTree tree, InheritingDirectories directories) {
    this.tree = tree;
    this.directories = directories;
  }

  /** Writes the table and its padding. */
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
