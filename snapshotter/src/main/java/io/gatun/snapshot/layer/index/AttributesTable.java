package io.gatun.snapshot.layer.index;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.erofs.Erofs;
import io.gatun.snapshot.layer.erofs.ImageFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
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
 *
 * @param top nid of the layer's root directory
 */
record AttributesTable(int top, List<Directory> directories) {

  private static final int MAGIC = 0x5449_5447;
  private static final int NONE = -1;

  /** Paths come from the image; this limits their total length. */
  static final int PATH_BYTES_MAX = 64 << 10;

  /** The size of the table without its padding. */
  static final int BYTES_MAX = 3 * Integer.BYTES * (1 + InheritingDirectories.MAX) + PATH_BYTES_MAX;

  /**
   * A directory that inherits attributes.
   *
   * @param nid 0 if the inherited attributes are not visible
   * @param gid the group that it has if it inherits nothing
   */
  record Directory(int nid, int gid, LinuxPath path) {}

  /**
   * {@return a table; empty if the index cannot be adapted}
   *
   * @param bytes little-endian, from the start of the table
   * @throws RuntimeException if there is no valid table: {@code BufferUnderflowException}, {@code
   *     IndexOutOfBoundsException} or {@code IllegalArgumentException}
   */
  static Optional<AttributesTable> read(ByteBuffer bytes) {
    if (bytes.getInt() != MAGIC) {
      throw new IllegalArgumentException("not a table of inherited attributes");
    }
    int count = bytes.getInt();
    if (count == NONE) {
      return Optional.empty();
    }
    int top = bytes.getInt();
    List<Directory> directories = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int nid = bytes.getInt();
      int gid = bytes.getInt();
      byte[] path = new byte[Objects.checkIndex(bytes.getInt(), bytes.remaining() + 1)];
      bytes.get(path);
      directories.add(new Directory(nid, gid, LinuxPath.wrap(path)));
    }
    return Optional.of(new AttributesTable(top, directories));
  }

  /**
   * Writes a table and its padding.
   *
   * @param directories empty if the index cannot be adapted
   */
  static void write(ImageFile image, int top, Optional<List<Directory>> directories)
      throws IOException {
    image.putInt(MAGIC);
    image.putInt(directories.map(List::size).orElse(NONE));
    image.putInt(top);
    for (Directory directory : directories.orElse(List.of())) {
      image.putInt(directory.nid);
      image.putInt(directory.gid);
      image.putInt(directory.path.length());
      image.put(directory.path.bytes());
    }
    image.padTo(Erofs.align(image.position(), Erofs.BLOCK_BYTES));
  }
}
