package io.gatun.snapshot.layer.erofs;

/**
 * The image format of an index: EROFS ({@code fs/erofs/erofs_fs.h},
 * Documentation/filesystems/erofs.rst) with blocks of 512 bytes, the block size of tars, which
 * needs Linux 6.4 or later. All numbers are little-endian.
 *
 * <pre>
 *      0  zeros
 *   1024  superblock                         128 bytes
 *   1152  the only slot of the device table  128 bytes: the tar
 *   1280  zeros, up to the end of the range that the checksum covers
 *   1536  inodes, each at a multiple of 32 bytes; the quotient is its nid. The root first, then the
 *         entries of each directory in turn:
 *           inode                  32 bytes if its owner, link count and size are small and its time
 *                                  is the most frequent one, otherwise 64; always 64 for a directory
 *                                  without an entry in the layer, so that inherited attributes never
 *                                  move other inodes
 *           extended attributes    a header of 12 bytes, references to shared ones, then the others
 *           the rest of the content of a directory or link beyond whole blocks, if inode and rest fit
 *           into one block, which they then do not cross; or the chunks of a file
 *      b  extended attributes that several files share, from a new block on
 *      d  whole blocks of the content of directories and links, from a new block on
 *      e  the end for the kernel; {@code AttributesTable} of {@code layer.index} follows
 * </pre>
 *
 * <p>The content of a file consists of chunks, each of which starts at a block of device 1 or is a
 * hole. A file that is contiguous in the tar has one chunk and costs an inode, eight bytes and its
 * name.
 *
 * <p>The same layer with the same inherited attributes always has the same index, byte for byte. A
 * tar with the same files in another order has a different index, because content offsets differ.
 *
 * <p>EROFS does not store access and change times.
 */
public final class Erofs {

  public static final int BLOCK_SHIFT = 9;
  public static final int BLOCK_BYTES = 1 << BLOCK_SHIFT;
  public static final int NID_SHIFT = 5;
  static final int NID_BYTES = 1 << NID_SHIFT;

  public static final int SUPERBLOCK_OFFSET = 1024;
  static final int SUPERBLOCK_BYTES = 128;
  static final int MAGIC = 0xe0f5_e1e2;
  static final int DEVICE_SLOT_BYTES = 128;
  static final int DEVICE_SLOT = (SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES) / DEVICE_SLOT_BYTES;
  static final int DEVICE_TAG_BYTES = 64;
  static final int VOLUME_NAME_BYTES = 16;
  // Fields of the superblock and of the device slot after it.
  public static final int CHECKSUM_OFFSET = SUPERBLOCK_OFFSET + 4;
  public static final int INODE_COUNT_OFFSET = SUPERBLOCK_OFFSET + 16;
  public static final int BLOCK_COUNT_OFFSET = SUPERBLOCK_OFFSET + 36;
  public static final int UUID_OFFSET = SUPERBLOCK_OFFSET + 48;
  public static final int TAR_BLOCKS_OFFSET =
      SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES + DEVICE_TAG_BYTES;

  static final int INODES_OFFSET = SUPERBLOCK_OFFSET + BLOCK_BYTES;

  // EROFS_FEATURE_COMPAT_*: SB_CHKSUM, MTIME
  static final int COMPATIBLE = 0x1 | 0x2;

  // EROFS_FEATURE_INCOMPAT_*: CHUNKED_FILE, DEVICE_TABLE
  static final int INCOMPATIBLE = 0x4 | 0x8;

  static final int COMPACT_BYTES = 32;
  public static final int EXTENDED_BYTES = 64;

  // Fields of an inode of 64 bytes.
  public static final int INODE_MODE = 4;
  public static final int INODE_UID = 24;
  public static final int INODE_GID = 28;
  public static final int INODE_SECONDS = 32;
  public static final int INODE_NANOS = 40;

  // i_format: version in bit 0, EROFS_INODE_* from bit 1 on.
  public static final int EXTENDED = 1;
  static final int FLAT_PLAIN = 0 << 1;
  static final int FLAT_INLINE = 2 << 1;
  static final int CHUNK_BASED = 4 << 1;

  static final int CHUNK_INDEXES = 0x20;
  static final int CHUNK_SHIFT_MAX = 31;
  static final int CHUNK_BYTES = 8;
  static final int TAR_DEVICE = 1;
  static final int HOLE = -1;

  static final int XATTR_HEADER_BYTES = 12;
  static final int XATTR_ENTRY_BYTES = 4;
  static final int XATTRS_SHARED_MAX = 255;

  static final int DIRENT_BYTES = 12;

  /** Addresses have 32 bits; all bits set means none. */
  public static final long BLOCKS_MAX = 0xffff_fffeL;

  private Erofs() {}

  /** {@return {@code EROFS_FT_*} for a type from {@code st_mode}} */
  static byte fileType(int type) {
    return switch (type) {
      case Inodes.REGULAR -> 1;
      case Inodes.DIRECTORY -> 2;
      case Inodes.CHARACTER_DEVICE -> 3;
      case Inodes.BLOCK_DEVICE -> 4;
      case Inodes.FIFO -> 5;
      case Inodes.SYMBOLIC_LINK -> 7;
      default -> throw new AssertionError("no type " + Integer.toOctalString(type));
    };
  }

  public static int align(int bytes, int unit) {
    return (bytes + unit - 1) & -unit;
  }

  public static long align(long bytes, int unit) {
    return (bytes + unit - 1) & -unit;
  }

  public static long blocks(long bytes) {
    return (bytes + BLOCK_BYTES - 1) >>> BLOCK_SHIFT;
  }
}
