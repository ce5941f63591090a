package io.gatun.snapshot.layer.erofs;

import io.gatun.snapshot.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32C;

/** Writes an index whose layout {@link Placement} has computed. */
public final class IndexImage {

  private static final String VOLUME_NAME = "gatun";

  private final IndexTree tree;
  private final Inodes inodes;
  private final FileChunks chunks;
  private final Placement placement;
  private final XattrPlaces xattrs;
  private final DirectoryEntries entries;
  private final ImageFile image;

  // The directory block that is being filled.
  private final byte[] names = new byte[Erofs.BLOCK_BYTES];
  private final byte[] direntBytes = new byte[Erofs.BLOCK_BYTES];
  private final ByteBuffer dirents = ByteBuffer.wrap(direntBytes).order(ByteOrder.LITTLE_ENDIAN);
  private int namesBytes;

  public IndexImage(IndexTree tree, FileChunks chunks, Placement placement, ImageFile image) {
    this.tree = tree;
    this.inodes = tree.inodes();
    this.chunks = chunks;
    this.placement = placement;
    this.xattrs = placement.xattrs();
    this.entries = new DirectoryEntries(tree);
    this.image = image;
  }

  public void write(byte[] uuid, Digest diffId, long tarBlocks) throws IOException {
    if (placement.blocks() + tarBlocks > Erofs.BLOCKS_MAX) {
      throw new NotIndexableException(
          NotIndexable.TAR_SIZE, "the tar has %d blocks".formatted(tarBlocks));
    }
    image.padTo(Erofs.SUPERBLOCK_OFFSET);
    image.put(superblock(uuid, diffId, tarBlocks));
    placement.walk(this::writeInode);
    image.padTo(placement.sharedXattrsBlock() << Erofs.BLOCK_SHIFT);
    xattrs.writeShared(image);
    image.padTo(placement.contentBlock() << Erofs.BLOCK_SHIFT);
    placement.walk(this::writeBlocks);
    image.padTo(placement.blocks() << Erofs.BLOCK_SHIFT);
  }

  /** {@return the range that the checksum covers, with superblock and device table} */
  private byte[] superblock(byte[] uuid, Digest diffId, long tarBlocks) throws IOException {
    byte[] bytes = new byte[Erofs.BLOCK_BYTES];
    ByteBuffer block = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    block.putInt(Erofs.MAGIC).putInt(0).putInt(Erofs.COMPATIBLE);
    block.put((byte) Erofs.BLOCK_SHIFT).put((byte) 0);
    block.putShort((short) inodes.nid(tree.root())).putLong(placement.inodes());
    block.putLong(placement.epoch().seconds()).putInt(placement.epoch().nanos());
    block.putInt((int) placement.blocks()).putInt(0).putInt((int) placement.sharedXattrsBlock());
    block.put(uuid);
    block.put(Arrays.copyOf(ascii(VOLUME_NAME), Erofs.VOLUME_NAME_BYTES));
    block.putInt(Erofs.INCOMPATIBLE);
    // No compression; one extra device, and the position of its slot.
    block.putShort((short) 0).putShort((short) 1).putShort((short) Erofs.DEVICE_SLOT);
    block.position(Erofs.SUPERBLOCK_BYTES);
    block.put(Arrays.copyOf(ascii(diffId.hex()), Erofs.DEVICE_TAG_BYTES));
    block.putInt((int) tarBlocks).putInt((int) placement.blocks());
    block.putInt(Integer.BYTES, checksum(bytes));
    return bytes;
  }

  /**
   * fs/erofs/super.c: erofs_superblock_csum_verify. Unlike Java's, the kernel's CRC has no final
   * inversion.
   */
  public static int checksum(byte[] superblock) {
    CRC32C crc = new CRC32C();
    crc.update(superblock);
    return ~(int) crc.getValue();
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private void writeInode(int inode) throws IOException {
    long start = Integer.toUnsignedLong(inodes.nid(inode)) << Erofs.NID_SHIFT;
    if (start < image.position()) {
      // Another name of an inode that is already written.
      return;
    }
    image.padTo(start);
    int form = inodes.form(inode);
    int xattrBytes = xattrs.bytes(inode);
    boolean isExtended = (form & Erofs.EXTENDED) != 0;
    image.putShort(form);
    image.putShort(XattrPlaces.count(xattrBytes));
    image.putShort(inodes.mode(inode));
    if (isExtended) {
      image.putShort(0);
      image.putLong(placement.sizeBytes(inode));
    } else {
      image.putShort((int) placement.links(inode));
      image.putInt((int) placement.sizeBytes(inode));
      image.putInt(0);
    }
    image.putInt(union(inode, form));
    image.putInt(inodes.nid(inode));
    if (isExtended) {
      image.putInt(inodes.uid(inode));
      image.putInt(inodes.gid(inode));
      image.putLong(inodes.modified(inode).seconds());
      image.putInt(inodes.modified(inode).nanos());
      image.putInt((int) placement.links(inode));
    } else {
      image.putShort(inodes.uid(inode));
      image.putShort(inodes.gid(inode));
    }
    image.padTo(start + (isExtended ? Erofs.EXTENDED_BYTES : Erofs.COMPACT_BYTES));
    xattrs.write(inode, image);
    switch (form & ~Erofs.EXTENDED) {
      case Erofs.FLAT_INLINE -> writeTail(inode);
      case Erofs.CHUNK_BASED -> writeChunks(inode);
      default -> {}
    }
  }

  private int union(int inode, int form) throws IOException {
    return switch (inodes.type(inode)) {
      case Inodes.REGULAR ->
          (form & ~Erofs.EXTENDED) == Erofs.CHUNK_BASED
              ? Erofs.CHUNK_INDEXES | inodes.extent(inode)
              : 0;
      case Inodes.DIRECTORY, Inodes.SYMBOLIC_LINK ->
          (int) placement.contentBlock() + inodes.block(inode);
      case Inodes.CHARACTER_DEVICE, Inodes.BLOCK_DEVICE -> inodes.content(inode);
      default -> 0;
    };
  }

  private void writeChunks(int inode) throws IOException {
    image.padTo(Erofs.align(image.position(), Erofs.CHUNK_BYTES));
    chunks.forEachChunk(
        inodes,
        inode,
        block -> {
          image.putShort(0);
          image.putShort(block == Erofs.HOLE ? 0 : Erofs.TAR_DEVICE);
          image.putInt(block);
        });
  }

  /** Writes the content of a directory or link after its whole blocks. */
  private void writeTail(int inode) throws IOException {
    long whole = placement.sizeBytes(inode) & -Erofs.BLOCK_BYTES;
    if (inodes.isDirectory(inode)) {
      writeDirectory(inode, whole, Long.MAX_VALUE);
    } else {
      byte[] target = tree.target(inode);
      image.put(target, (int) whole, target.length - (int) whole);
    }
  }

  private void writeBlocks(int inode) throws IOException {
    int type = inodes.type(inode);
    if (type != Inodes.DIRECTORY && type != Inodes.SYMBOLIC_LINK) {
      return;
    }
    boolean isInline = (inodes.form(inode) & ~Erofs.EXTENDED) == Erofs.FLAT_INLINE;
    long sizeBytes = placement.sizeBytes(inode);
    long end = isInline ? sizeBytes & -Erofs.BLOCK_BYTES : sizeBytes;
    long start = placement.contentBlock() + Integer.toUnsignedLong(inodes.block(inode));
    if (end == 0 || (start << Erofs.BLOCK_SHIFT) < image.position()) {
      return;
    }
    image.padTo(start << Erofs.BLOCK_SHIFT);
    if (type == Inodes.DIRECTORY) {
      writeDirectory(inode, 0, end);
    } else {
      image.put(tree.target(inode), 0, (int) end);
    }
    image.padTo(Erofs.align(image.position(), Erofs.BLOCK_BYTES));
  }

  // Directories: blocks of dirents, each followed by the names of that block.

  /** Writes the blocks of a directory that begin in a range of its content. */
  private void writeDirectory(int directory, long from, long to) throws IOException {
    long block = 0;
    clearBlock();
    entries.start(directory);
    while (entries.next()) {
      int bytes = Erofs.DIRENT_BYTES + entries.length();
      if (dirents.position() + namesBytes + bytes > Erofs.BLOCK_BYTES) {
        if (block >= from && block < to) {
          writeBlock();
          image.padTo(Erofs.align(image.position(), Erofs.BLOCK_BYTES));
        }
        block += Erofs.BLOCK_BYTES;
        clearBlock();
      }
      int inode = entries.inode();
      dirents.putLong(Integer.toUnsignedLong(inodes.nid(inode)));
      dirents.putShort((short) namesBytes);
      dirents.put(Erofs.fileType(inodes.type(inode))).put((byte) 0);
      System.arraycopy(entries.text(), 0, names, namesBytes, entries.length());
      namesBytes += entries.length();
    }
    if (block >= from && block < to) {
      writeBlock();
    }
  }

  private void clearBlock() {
    dirents.clear();
    namesBytes = 0;
  }

  private void writeBlock() throws IOException {
    int bytes = dirents.position();
    for (int at = Long.BYTES; at < bytes; at += Erofs.DIRENT_BYTES) {
      dirents.putShort(at, (short) (dirents.getShort(at) + bytes));
    }
    image.put(direntBytes, 0, bytes);
    image.put(names, 0, namesBytes);
  }
}
