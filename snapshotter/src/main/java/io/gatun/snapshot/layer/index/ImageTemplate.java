package io.gatun.snapshot.layer.index;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
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
  private final int top;
  private final List<Place> places;

  /**
   * A directory that inherits attributes.
   *
   * @param inode offset of its inode in the image; 0 if the inherited attributes are not visible
   * @param gid the group that it has if it inherits nothing
   */
  private record Place(int inode, int gid, LinuxPath path) {}

  private ImageTemplate(ByteBuffer image, int top, List<Place> places) {
    this.image = image;
    this.top = top;
    this.places = places;
  }

  /**
   * {@return a template over an index; empty if the index cannot be adapted}
   *
   * @param index the whole index, which is modified; the caller verifies its digest
   */
  public static Optional<ImageTemplate> of(ByteBuffer index) {
    ByteBuffer image = index.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    try {
      ByteBuffer table = image.duplicate().order(ByteOrder.LITTLE_ENDIAN);
      long end =
          Integer.toUnsignedLong(image.getInt(Erofs.BLOCK_COUNT_OFFSET)) << Erofs.BLOCK_SHIFT;
      table.position(Math.toIntExact(end));
      if (!table.hasRemaining() || table.getInt() != AttributesTable.MAGIC) {
        return Optional.empty();
      }
      int count = table.getInt();
      if (count == AttributesTable.NONE) {
        return Optional.empty();
      }
      int top = inode(image, table.getInt());
      List<Place> places = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        places.add(place(image, table));
      }
      return Optional.of(new ImageTemplate(image, top, places));
    } catch (BufferUnderflowException
        | IndexOutOfBoundsException
        | ArithmeticException
        | IllegalArgumentException e) {
      // The index is damaged; the requested one can still be built from the tar.
      return Optional.empty();
    }
  }

  private static Place place(ByteBuffer image, ByteBuffer table) {
    int nid = table.getInt();
    int gid = table.getInt();
    int length = table.getInt();
    byte[] path = new byte[Objects.checkIndex(length, table.remaining() + 1)];
    table.get(path);
    return new Place(nid == 0 ? 0 : inode(image, nid), gid, LinuxPath.ofBytes(path));
  }

  /** {@return the offset of an inode, which must have the extended form} */
  private static int inode(ByteBuffer image, int nid) {
    int at = Math.toIntExact(Integer.toUnsignedLong(nid) << Erofs.NID_SHIFT);
    if ((image.getShort(at) & Erofs.EXTENDED) == 0) {
      throw new IndexOutOfBoundsException("no inode with a time: " + nid);
    }
    return at;
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
    if (InheritingDirectories.isPassedOn(top)) {
      return false;
    }
    IndexIdentity identity = new IndexIdentity(IndexForm.OVERLAY);
    identity.add(LinuxPath.EMPTY, Optional.of(top));
    List<InheritedAttributes> found = new ArrayList<>();
    for (Place place : places) {
      Optional<InheritedAttributes> inherited = below.of(place.path);
      if (inherited.isPresent() && InheritingDirectories.isPassedOn(inherited.get())) {
        return false;
      }
      identity.add(place.path, inherited);
      found.add(inherited.orElseGet(() -> withoutAny(place.gid)));
    }
    put(this.top, top);
    for (int i = 0; i < found.size(); i++) {
      if (places.get(i).inode != 0) {
        put(places.get(i).inode, found.get(i));
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

  private void put(int inode, InheritedAttributes attributes) {
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
