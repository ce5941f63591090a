package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.spill.PagedMemory;
import java.io.IOException;

/**
 * The inodes of a layer:
 *
 * <pre>
 *    0  mode        two bytes, type and permissions as in st_mode
 *    2  marks       one byte, then one unused
 *    4  uid
 *    8  gid
 *   12  links       names; of a directory, its subdirectories
 *   16  mtime       seconds, eight bytes
 *   24  mtime       nanoseconds
 *   28  xattrs      reference
 *   32  size        of a file or of the target of a link, eight bytes
 *         or        of a directory: references to the root of its names and to its parent
 *   40  content     of a file: its first block in the tar, or a reference to its extents
 *         or        of a link: a reference to its target
 *         or        of a device: its number
 *         or        of a directory: references to its name and to the next directory in a list
 *   48  nid         its position in the index, in units of 32 bytes
 *   52  block       first block of its content, relative to the content area of the index
 *   56  extent      of a directory: its size in the index; of a file: the shift of its chunks
 *   60  form        one byte, its layout in the index, then three unused
 * </pre>
 */
public final class Inodes {

  private static final int BYTES = 64;

  private static final int MODE = 0;
  private static final int MARKS = 2;
  private static final int UID = 4;
  private static final int GID = 8;
  private static final int LINKS = 12;
  private static final int SECONDS = 16;
  private static final int NANOS = 24;
  private static final int XATTRS = 28;
  private static final int SIZE = 32;
  private static final int NAMES = 32;
  private static final int PARENT = 36;
  private static final int CONTENT = 40;
  private static final int NAME = 40;
  private static final int NEXT = 44;
  private static final int NID = 48;
  private static final int BLOCK = 52;
  private static final int EXTENT = 56;
  private static final int FORM = 60;

  // linux/stat.h
  static final int TYPE = 0170000;
  public static final int REGULAR = 0100000;
  public static final int DIRECTORY = 0040000;
  public static final int SYMBOLIC_LINK = 0120000;
  public static final int CHARACTER_DEVICE = 0020000;
  public static final int BLOCK_DEVICE = 0060000;
  public static final int FIFO = 0010000;

  /** The layer has no entry for the directory but needs it. */
  public static final int IMPLICIT = 1;

  /** No lower directory shows through. */
  public static final int OPAQUE = 2;

  /** The content is a list of extents, not one piece. */
  static final int SPARSE = 4;

  private final PagedMemory memory;

  Inodes(PagedMemory memory) {
    this.memory = memory;
  }

  public int create(int mode) throws IOException {
    int inode = memory.allocate(BYTES);
    setMode(inode, mode);
    return inode;
  }

  public int mode(int inode) throws IOException {
    return memory.getShort(at(inode, MODE)) & 0xffff;
  }

  void setMode(int inode, int mode) throws IOException {
    memory.putShort(at(inode, MODE), (short) mode);
  }

  public void setPermissions(int inode, int permissions) throws IOException {
    setMode(inode, (mode(inode) & TYPE) | permissions);
  }

  public int type(int inode) throws IOException {
    return mode(inode) & TYPE;
  }

  public boolean isDirectory(int inode) throws IOException {
    return type(inode) == DIRECTORY;
  }

  public boolean isMarked(int inode, int mark) throws IOException {
    return (memory.getByte(at(inode, MARKS)) & mark) != 0;
  }

  public void mark(int inode, int mark) throws IOException {
    memory.putByte(at(inode, MARKS), (byte) (memory.getByte(at(inode, MARKS)) | mark));
  }

  public void unmark(int inode, int mark) throws IOException {
    memory.putByte(at(inode, MARKS), (byte) (memory.getByte(at(inode, MARKS)) & ~mark));
  }

  int uid(int inode) throws IOException {
    return memory.getInt(at(inode, UID));
  }

  public int gid(int inode) throws IOException {
    return memory.getInt(at(inode, GID));
  }

  public void setOwner(int inode, int uid, int gid) throws IOException {
    memory.putInt(at(inode, UID), uid);
    memory.putInt(at(inode, GID), gid);
  }

  int links(int inode) throws IOException {
    return memory.getInt(at(inode, LINKS));
  }

  void addLinks(int inode, int change) throws IOException {
    memory.putInt(at(inode, LINKS), links(inode) + change);
  }

  Timespec modified(int inode) throws IOException {
    return new Timespec(memory.getLong(at(inode, SECONDS)), memory.getInt(at(inode, NANOS)));
  }

  boolean isModifiedAt(int inode, Timespec time) throws IOException {
    return memory.getLong(at(inode, SECONDS)) == time.seconds()
        && memory.getInt(at(inode, NANOS)) == time.nanos();
  }

  public void setModified(int inode, Timespec time) throws IOException {
    memory.putLong(at(inode, SECONDS), time.seconds());
    memory.putInt(at(inode, NANOS), time.nanos());
  }

  public int xattrs(int inode) throws IOException {
    return memory.getInt(at(inode, XATTRS));
  }

  public void setXattrs(int inode, int reference) throws IOException {
    memory.putInt(at(inode, XATTRS), reference);
  }

  /** {@return the size of a file or of a link target} */
  public long size(int inode) throws IOException {
    return memory.getLong(at(inode, SIZE));
  }

  public void setSize(int inode, long sizeBytes) throws IOException {
    memory.putLong(at(inode, SIZE), sizeBytes);
  }

  /** {@return a block, a reference or a device number, depending on the type} */
  public int content(int inode) throws IOException {
    return memory.getInt(at(inode, CONTENT));
  }

  public void setContent(int inode, int content) throws IOException {
    memory.putInt(at(inode, CONTENT), content);
  }

  // Directories.

  int names(int directory) throws IOException {
    return memory.getInt(namesAddress(directory));
  }

  long namesAddress(int directory) {
    return at(directory, NAMES);
  }

  public int parent(int directory) throws IOException {
    return memory.getInt(at(directory, PARENT));
  }

  int name(int directory) throws IOException {
    return memory.getInt(at(directory, NAME));
  }

  void place(int directory, int parent, int name) throws IOException {
    memory.putInt(at(directory, PARENT), parent);
    memory.putInt(at(directory, NAME), name);
  }

  int next(int directory) throws IOException {
    return memory.getInt(at(directory, NEXT));
  }

  void setNext(int directory, int next) throws IOException {
    memory.putInt(at(directory, NEXT), next);
  }

  // Set when the index is laid out.

  public int nid(int inode) throws IOException {
    return memory.getInt(at(inode, NID));
  }

  void setNid(int inode, int nid) throws IOException {
    memory.putInt(at(inode, NID), nid);
  }

  int block(int inode) throws IOException {
    return memory.getInt(at(inode, BLOCK));
  }

  void setBlock(int inode, int block) throws IOException {
    memory.putInt(at(inode, BLOCK), block);
  }

  int extent(int inode) throws IOException {
    return memory.getInt(at(inode, EXTENT));
  }

  public void setExtent(int inode, int extent) throws IOException {
    memory.putInt(at(inode, EXTENT), extent);
  }

  int form(int inode) throws IOException {
    return memory.getByte(at(inode, FORM));
  }

  void setForm(int inode, int form) throws IOException {
    memory.putByte(at(inode, FORM), (byte) form);
  }

  private static long at(int inode, int field) {
    return PagedMemory.address(inode) + field;
  }
}
