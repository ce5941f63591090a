package io.gatun.snapshot.layer.index;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.Erofs;
import io.gatun.snapshot.layer.erofs.IndexForm;
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
 * The attributes that an index records as inherited, from which the index can be rebuilt with the
 * tar alone: {@link AttributesTable} lists the directories, their inodes have the attributes.
 *
 * <p>Two cases are not visible: a directory that inherited exactly the attributes it would have
 * anyway, and one that got an entry later. They affect only the UUID, which is then copied and does
 * not prove that the other attributes were inherited.
 *
 * @param form of the index
 * @param top attributes of the layer's root directory
 * @param below attributes of other directories, by path
 * @param uuid to be copied, if not everything that it depends on is visible
 */
public record RecordedAttributes(
    IndexForm form,
    InheritedAttributes top,
    Map<LinuxPath, InheritedAttributes> below,
    Optional<byte[]> uuid)
    implements LowerAttributes {

  /**
   * {@return the attributes that an index records; empty if the layer inherited more than an index
   * can record} An invalid table is treated as that of a base layer, so the comparison will find a
   * difference.
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
    Optional<AttributesTable> table =
        AttributesTable.read(index.upTo(end, AttributesTable.BYTES_MAX));
    if (table.isEmpty()) {
      return Optional.empty();
    }
    InheritedAttributes top = index.attributes(table.get().top());
    Map<LinuxPath, InheritedAttributes> below = new HashMap<>();
    Set<LinuxPath> hidden = new HashSet<>();
    for (AttributesTable.Directory each : table.get().directories()) {
      InheritedAttributes alone = ImageTemplate.withoutAny(each.gid());
      InheritedAttributes has = each.nid() == 0 ? alone : index.attributes(each.nid());
      if (has.equals(alone)) {
        hidden.add(each.path());
      } else {
        below.put(each.path(), has);
      }
    }
    // A directory that was removed in between is listed twice.
    hidden.removeAll(below.keySet());
    Optional<byte[]> uuid = hidden.isEmpty() ? Optional.empty() : Optional.of(index.uuid());
    return Optional.of(new RecordedAttributes(IndexForm.OVERLAY, top, below, uuid));
  }

  @Override
  public Optional<InheritedAttributes> of(LinuxPath path) {
    return Optional.ofNullable(below.get(path));
  }

  /** Reads fields of an index. */
  private record Fields(IndexReader index) {

    private static final int UUID_BYTES = 16;
    private static final int PERMISSIONS = 07777;

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
