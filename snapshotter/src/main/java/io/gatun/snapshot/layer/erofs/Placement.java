package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.file.Timespec;
import java.io.IOException;

/**
 * Computes the position of everything in an index before it is written. Also links the directories
 * in the order in which the index is written: a first pass over the inodes, a second over whole
 * blocks.
 */
public final class Placement {

  /** Visits inodes in index order; those with several names are visited several times. */
  @FunctionalInterface
  interface Visitor {
    void inode(int inode) throws IOException;
  }

  private static final int SHORT_MAX = 0xffff;
  private static final long INT_MAX = 0xffff_ffffL;

  private final IndexTree tree;
  private final Inodes inodes;
  private final XattrPlaces xattrs;
  private final DirectoryEntries entries;
  private final Timespec epoch;
  private long position = Erofs.INODES_OFFSET;
  private long contentBlocks;
  private long count;
  private int lastDirectory;

  /**
   * @param epoch the time of compact inodes, which do not store their own
   */
  public Placement(IndexTree tree, IndexForm form, Timespec epoch) {
    this.tree = tree;
    this.inodes = tree.inodes();
    this.xattrs = new XattrPlaces(tree, form);
    this.entries = new DirectoryEntries(tree);
    this.epoch = epoch;
  }

  public void run() throws IOException {
    lastDirectory = tree.root();
    walk(this::place);
    requireBlocks();
  }

  private void requireBlocks() throws NotIndexableException {
    if (blocks() > Erofs.BLOCKS_MAX) {
      throw new NotIndexableException(
          NotIndexable.TAR_SIZE, "the index would have %d blocks".formatted(blocks()));
    }
  }

  /** Visits the root, then the entries of each directory. */
  void walk(Visitor visitor) throws IOException {
    NameTree.Cursor cursor = tree.names().cursor();
    visitor.inode(tree.root());
    for (int directory = tree.root(); directory != 0; directory = inodes.next(directory)) {
      cursor.start(inodes.names(directory));
      for (int name = cursor.next(); name != 0; name = cursor.next()) {
        visitor.inode(tree.names().inode(name));
      }
    }
  }

  public long inodes() {
    return count;
  }

  Timespec epoch() {
    return epoch;
  }

  XattrPlaces xattrs() {
    return xattrs;
  }

  long sharedXattrsBlock() {
    return Erofs.blocks(position);
  }

  long contentBlock() {
    return sharedXattrsBlock() + Erofs.blocks(xattrs.sharedBytes());
  }

  long blocks() {
    return contentBlock() + contentBlocks;
  }

  private void place(int inode) throws IOException {
    if (inodes.nid(inode) != 0) {
      return;
    }
    count++;
    int type = inodes.type(inode);
    if (type == Inodes.DIRECTORY) {
      inodes.setExtent(inode, (int) size(inode));
      if (inode != lastDirectory) {
        inodes.setNext(lastDirectory, inode);
        lastDirectory = inode;
      }
    }
    boolean isExtended = !isCompact(inode);
    int head = (isExtended ? Erofs.EXTENDED_BYTES : Erofs.COMPACT_BYTES) + xattrs.bytes(inode);
    int layout = Erofs.FLAT_PLAIN;
    long start = Erofs.align(position, Erofs.NID_BYTES);
    long end = start + head;
    if (type == Inodes.DIRECTORY || type == Inodes.SYMBOLIC_LINK) {
      long size = sizeBytes(inode);
      int tail = (int) (size & (Erofs.BLOCK_BYTES - 1));
      if (tail > 0 && head + tail <= Erofs.BLOCK_BYTES) {
        layout = Erofs.FLAT_INLINE;
        if ((start & (Erofs.BLOCK_BYTES - 1)) + head + tail > Erofs.BLOCK_BYTES) {
          start = Erofs.align(start, Erofs.BLOCK_BYTES);
        }
        end = start + head + tail;
      }
      inodes.setBlock(inode, (int) contentBlocks);
      contentBlocks +=
          layout == Erofs.FLAT_INLINE ? size >>> Erofs.BLOCK_SHIFT : Erofs.blocks(size);
      requireBlocks();
    } else if (type == Inodes.REGULAR && inodes.size(inode) > 0) {
      layout = Erofs.CHUNK_BASED;
      end =
          Erofs.align(end, Erofs.CHUNK_BYTES)
              + FileChunks.chunks(inodes.size(inode), inodes.extent(inode)) * Erofs.CHUNK_BYTES;
    }
    inodes.setNid(inode, (int) (start >>> Erofs.NID_SHIFT));
    inodes.setForm(inode, layout | (isExtended ? Erofs.EXTENDED : 0));
    position = end;
    requireBlocks();
  }

  private boolean isCompact(int inode) throws IOException {
    return inode != tree.top()
        && !inodes.isMarked(inode, Inodes.IMPLICIT)
        && inodes.isModifiedAt(inode, epoch)
        && Integer.toUnsignedLong(inodes.uid(inode)) <= SHORT_MAX
        && Integer.toUnsignedLong(inodes.gid(inode)) <= SHORT_MAX
        && links(inode) <= SHORT_MAX
        && sizeBytes(inode) <= INT_MAX;
  }

  /** {@return st_nlink, which counts the dots of directories} */
  long links(int inode) throws IOException {
    long links = Integer.toUnsignedLong(inodes.links(inode));
    return inodes.isDirectory(inode) ? links + 2 : links;
  }

  long sizeBytes(int inode) throws IOException {
    return switch (inodes.type(inode)) {
      case Inodes.REGULAR, Inodes.SYMBOLIC_LINK -> inodes.size(inode);
      case Inodes.DIRECTORY -> Integer.toUnsignedLong(inodes.extent(inode));
      default -> 0;
    };
  }

  private long size(int directory) throws IOException {
    long blocks = 0;
    int used = 0;
    entries.start(directory);
    while (entries.next()) {
      int bytes = Erofs.DIRENT_BYTES + entries.length();
      if (used + bytes > Erofs.BLOCK_BYTES) {
        blocks++;
        used = 0;
      }
      used += bytes;
    }
    long size = (blocks << Erofs.BLOCK_SHIFT) + used;
    if (size > INT_MAX) {
      throw new NotIndexableException(
          NotIndexable.ENTRIES, "a directory of %d bytes".formatted(size));
    }
    return size;
  }
}
