package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.layer.tar.InheritedAttributes;
import io.gatun.snapshot.layer.tar.LowerAttributes;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * What an index says that the layer has inherited, so that it can be made anew of the tar alone:
 * {@link AttributesTable} has where the directories are, and these have the rest.
 *
 * <p>What does not show is whether a directory has inherited anything that has by now what it would
 * have by itself, or what the layer has named later. Only the UUID of the index depends on that; so
 * it has to be taken as it is then, and no longer says whether the rest was inherited.
 */
public final class RecordedAttributes implements LowerAttributes {

  private final IndexForm form;
  private final InheritedAttributes top;
  private final Map<LinuxPath, InheritedAttributes> below;
  private final Optional<byte[]> uuid;

  private RecordedAttributes(
      IndexForm form,
      InheritedAttributes top,
      Map<LinuxPath, InheritedAttributes> below,
      Optional<byte[]> uuid) {
    this.form = form;
    this.top = top;
    this.below = below;
    this.uuid = uuid;
  }

  /**
   * {@return what an index says; nothing if the layer has inherited more than an index says} One
   * whose table makes no sense is taken for that of a base, from which it then differs.
   */
  public static Optional<RecordedAttributes> of(IndexReader index) throws ErrnoException {
    try {
      return read(new Fields(index));
    } catch (BufferUnderflowException | IndexOutOfBoundsException | IllegalArgumentException e) {
      return Optional.of(ofBase());
    }
  }

  private static RecordedAttributes ofBase() {
    return new RecordedAttributes(
        IndexForm.BASE, InheritedAttributes.ofTop(), Map.of(), Optional.empty());
  }

  private static Optional<RecordedAttributes> read(Fields index) throws ErrnoException {
    long end =
        Integer.toUnsignedLong(index.at(Erofs.BLOCK_COUNT_OFFSET, Integer.BYTES).getInt())
            << Erofs.BLOCK_SHIFT;
    if (end >= index.sizeBytes()) {
      return Optional.of(ofBase());
    }
    ByteBuffer table = index.upTo(end, AttributesTable.BYTES_MAX);
    if (table.getInt() != AttributesTable.MAGIC) {
      return Optional.of(ofBase());
    }
    int count = table.getInt();
    if (count == AttributesTable.NONE) {
      return Optional.empty();
    }
    InheritedAttributes top = index.attributes(table.getInt());
    Map<LinuxPath, InheritedAttributes> below = new HashMap<>();
    Set<LinuxPath> hidden = new HashSet<>();
    for (int i = 0; i < count; i++) {
      int nid = table.getInt();
      InheritedAttributes alone = ImageTemplate.withoutAny(table.getInt());
      byte[] path = new byte[Objects.checkIndex(table.getInt(), table.remaining() + 1)];
      table.get(path);
      InheritedAttributes has = nid == 0 ? alone : index.attributes(nid);
      if (has.equals(alone)) {
        hidden.add(LinuxPath.ofBytes(path));
      } else {
        below.put(LinuxPath.ofBytes(path), has);
      }
    }
    // A path may be there twice, if the directory was gone in between.
    hidden.removeAll(below.keySet());
    Optional<byte[]> uuid = hidden.isEmpty() ? Optional.empty() : Optional.of(index.uuid());
    return Optional.of(new RecordedAttributes(IndexForm.OVERLAY, top, below, uuid));
  }

  /** {@return which form the index has} */
  public IndexForm form() {
    return form;
  }

  /** {@return what the top of the layer's tree has} */
  public InheritedAttributes top() {
    return top;
  }

  @Override
  public Optional<InheritedAttributes> of(LinuxPath path) {
    return Optional.ofNullable(below.get(path));
  }

  /** {@return the UUID that the index has, if not all that it depends on shows} */
  Optional<byte[]> uuid() {
    return uuid.map(byte[]::clone);
  }

  /** What is looked up in an index, wherever it is. */
  private record Fields(IndexReader index) {

    private static final int UUID_BYTES = 16;
    private static final int PERMISSIONS = 07777;

    long sizeBytes() {
      return index.sizeBytes();
    }

    /** {@return so many bytes, all of which there have to be} */
    ByteBuffer at(long offset, int length) throws ErrnoException {
      ByteBuffer bytes = upTo(offset, length);
      Objects.checkFromIndexSize(0, length, bytes.remaining());
      return bytes;
    }

    ByteBuffer upTo(long offset, int lengthMax) throws ErrnoException {
      ByteBuffer bytes = ByteBuffer.allocate(lengthMax).order(ByteOrder.LITTLE_ENDIAN);
      index.read(bytes, offset);
      return bytes.flip();
    }

    byte[] uuid() throws ErrnoException {
      byte[] uuid = new byte[UUID_BYTES];
      at(Erofs.UUID_OFFSET, UUID_BYTES).get(uuid);
      return uuid;
    }

    InheritedAttributes attributes(int nid) throws ErrnoException {
      ByteBuffer inode = at(Integer.toUnsignedLong(nid) << Erofs.NID_SHIFT, Erofs.EXTENDED_BYTES);
      return new InheritedAttributes(
          inode.getShort(Erofs.INODE_MODE) & PERMISSIONS,
          inode.getInt(Erofs.INODE_UID),
          inode.getInt(Erofs.INODE_GID),
          new Timespec(inode.getLong(Erofs.INODE_SECONDS), inode.getInt(Erofs.INODE_NANOS)),
          Map.of());
    }
  }
}
