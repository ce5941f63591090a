package io.gatun.snapshot.layer.index;

import io.gatun.linux.Fd;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.Erofs;
import io.gatun.snapshot.layer.erofs.ImageFile;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.IndexImage;
import io.gatun.snapshot.layer.erofs.Inodes;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * An index of a layer that is adapted to other lower layers: only the inherited attributes of the
 * directories in {@link AttributesTable} change. The result is identical, byte for byte, to an
 * index that {@link LayerIndexer} builds from the tar.
 *
 * <p>Not thread-safe.
 */
public final class ImageTemplate {

  private static final Timespec NO_TIME = new Timespec(0, 0);
  private static final int IMPLICIT_MODE = 0755;
  private static final int PIECE_BYTES = 16 << 10;

  private final ByteBuffer image;
  private final AttributesTable table;

  private ImageTemplate(ByteBuffer image, AttributesTable table) {
    this.image = image;
    this.table = table;
  }

  /**
   * {@return a template over an index; empty if the index cannot be adapted}
   *
   * @param index the whole index, which is modified; the caller verifies its digest
   */
  public static Optional<ImageTemplate> of(ByteBuffer index) {
    ByteBuffer image = index.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    try {
      long end =
          Integer.toUnsignedLong(image.getInt(Erofs.BLOCK_COUNT_OFFSET)) << Erofs.BLOCK_SHIFT;
      ByteBuffer bytes = image.duplicate().order(ByteOrder.LITTLE_ENDIAN);
      Optional<AttributesTable> table = AttributesTable.read(bytes.position(Math.toIntExact(end)));
      if (table.isEmpty()) {
        return Optional.empty();
      }
      requireInode(image, table.get().top());
      for (AttributesTable.Directory each : table.get().directories()) {
        if (each.nid() != 0) {
          requireInode(image, each.nid());
        }
      }
      return Optional.of(new ImageTemplate(image, table.get()));
    } catch (BufferUnderflowException
        | IndexOutOfBoundsException
        | ArithmeticException
        | IllegalArgumentException e) {
      // The index is damaged; the requested one can still be built from the tar.
      return Optional.empty();
    }
  }

  private static int offset(int nid) {
    return Math.toIntExact(Integer.toUnsignedLong(nid) << Erofs.NID_SHIFT);
  }

  /** An inode with attributes of its own has the extended form. */
  private static void requireInode(ByteBuffer image, int nid) {
    Objects.checkFromIndexSize(offset(nid), Erofs.EXTENDED_BYTES, image.limit());
    if ((image.getShort(offset(nid)) & Erofs.EXTENDED) == 0) {
      throw new IndexOutOfBoundsException("no inode with a time: " + nid);
    }
  }

  /** {@return the required length of the tar, as in {@link LayerIndex}} */
  public long tarBytes() {
    return Integer.toUnsignedLong(image.getInt(Erofs.TAR_BLOCKS_OFFSET)) << Erofs.BLOCK_SHIFT;
  }

  /**
   * Adapts the index to a place in a chain. Not to be called again after it succeeded.
   *
   * @param top attributes of the layer's root directory
   * @param below attributes of directories without an entry in the layer
   * @return false if the index has to be built from the tar instead
   */
  public boolean inherit(Digest diffId, InheritedAttributes top, LowerAttributes below)
      throws IOException {
    if (InheritingDirectories.isPassedOn(Optional.of(top))) {
      return false;
    }
    IndexIdentity identity = new IndexIdentity(IndexForm.OVERLAY, top);
    List<InheritedAttributes> found = new ArrayList<>();
    for (AttributesTable.Directory directory : table.directories()) {
      Optional<InheritedAttributes> inherited = below.of(directory.path());
      if (InheritingDirectories.isPassedOn(inherited)) {
        return false;
      }
      identity.add(directory.path(), inherited);
      found.add(inherited.orElseGet(() -> withoutAny(directory.gid())));
    }
    put(table.top(), top);
    for (int i = 0; i < found.size(); i++) {
      int nid = table.directories().get(i).nid();
      if (nid != 0) {
        put(nid, found.get(i));
      }
    }
    image.put(Erofs.UUID_OFFSET, identity.uuid(diffId));
    image.putInt(Erofs.CHECKSUM_OFFSET, 0);
    byte[] superblock = new byte[Erofs.BLOCK_BYTES];
    image.get(Erofs.SUPERBLOCK_OFFSET, superblock);
    image.putInt(Erofs.CHECKSUM_OFFSET, IndexImage.checksum(superblock));
    return true;
  }

  static InheritedAttributes withoutAny(int gid) {
    return new InheritedAttributes(IMPLICIT_MODE, 0, gid, NO_TIME, Map.of());
  }

  private void put(int nid, InheritedAttributes attributes) {
    int inode = offset(nid);
    image.putShort(inode + Erofs.INODE_MODE, (short) (Inodes.DIRECTORY | attributes.mode()));
    image.putInt(inode + Erofs.INODE_UID, attributes.uid());
    image.putInt(inode + Erofs.INODE_GID, attributes.gid());
    image.putLong(inode + Erofs.INODE_SECONDS, attributes.modified().seconds());
    image.putInt(inode + Erofs.INODE_NANOS, attributes.modified().nanos());
  }

  /**
   * Writes the index, without a sync.
   *
   * @param file new and empty
   */
  public LayerIndex write(Disk disk, Fd file) throws IOException {
    try (ImageFile written = new ImageFile(disk, file)) {
      byte[] piece = new byte[PIECE_BYTES];
      for (int at = 0; at < image.limit(); at += piece.length) {
        int length = Math.min(piece.length, image.limit() - at);
        image.get(at, piece, 0, length);
        written.put(piece, 0, length);
      }
      written.flush();
      return new LayerIndex(
          written.digest(),
          written.position(),
          image.getLong(Erofs.INODE_COUNT_OFFSET) - 1,
          tarBytes(),
          0,
          false);
    }
  }
}
