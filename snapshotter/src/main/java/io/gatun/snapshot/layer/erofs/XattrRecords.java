package io.gatun.snapshot.layer.erofs;

import io.gatun.snapshot.layer.erofs.IndexXattr.Prefix;
import io.gatun.snapshot.spill.PagedMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The extended attributes of all files. The tree's memory stores each set as a record; attributes
 * that several files have are counted, to be shared.
 *
 * <pre>
 *   0  length of what follows, then for each attribute:
 *      prefix (1), length of the name (1), length of the value (2), name, value
 * </pre>
 */
public final class XattrRecords {

  private static final int LENGTH_BYTES = 4;
  private static final int HEAD_BYTES = 4;

  /** {@code i_xattr_icount} counts units of four bytes in 16 bits, the header as one. */
  private static final int BYTES_MAX = Erofs.XATTR_HEADER_BYTES + Integer.BYTES * 65_534;

  /**
   * Limits for sharing. Real layers have few distinct attributes; artificial ones need no sharing.
   */
  private static final int WATCHED_MAX = 1024;

  private static final int WATCHED_VALUE_BYTES_MAX = 1024;

  private final PagedMemory memory;
  private final Map<IndexXattr, Integer> uses = new HashMap<>();

  /** The last stored set, which is usually also the next one. */
  private List<IndexXattr> last = List.of();

  private int lastReference;

  XattrRecords(PagedMemory memory) {
    this.memory = memory;
  }

  /** {@return a reference to the set; 0 for an empty one} */
  public int store(XattrSet set) throws IOException {
    if (set.isEmpty()) {
      return 0;
    }
    List<IndexXattr> xattrs = set.sorted();
    int entries = xattrs.stream().mapToInt(IndexXattr::entryBytes).sum();
    if (Erofs.XATTR_HEADER_BYTES + entries > BYTES_MAX) {
      throw new NotIndexableException(
          NotIndexable.ATTRIBUTES_SIZE, "attributes of %d bytes".formatted(entries));
    }
    xattrs.forEach(this::count);
    if (!xattrs.equals(last)) {
      lastReference = write(xattrs);
      last = List.copyOf(xattrs);
    }
    return lastReference;
  }

  private void count(IndexXattr xattr) {
    if (xattr.value().length <= WATCHED_VALUE_BYTES_MAX
        && (uses.size() < WATCHED_MAX || uses.containsKey(xattr))) {
      uses.merge(xattr, 1, Integer::sum);
    }
  }

  private int write(List<IndexXattr> xattrs) throws IOException {
    int length =
        xattrs.stream()
            .mapToInt(each -> HEAD_BYTES + each.name().length + each.value().length)
            .sum();
    byte[] bytes = new byte[LENGTH_BYTES + length];
    ByteBuffer record = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    record.putInt(length);
    for (IndexXattr each : xattrs) {
      record.put((byte) each.prefix().number).put((byte) each.name().length);
      record.putShort((short) each.value().length).put(each.name()).put(each.value());
    }
    int reference = memory.allocate(bytes.length);
    memory.put(PagedMemory.address(reference), bytes);
    return reference;
  }

  public List<IndexXattr> load(int reference) throws IOException {
    if (reference == 0) {
      return List.of();
    }
    if (reference == lastReference) {
      return last;
    }
    long address = PagedMemory.address(reference);
    byte[] bytes = new byte[memory.getInt(address)];
    memory.get(address + LENGTH_BYTES, bytes, bytes.length);
    ByteBuffer record = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    List<IndexXattr> xattrs = new ArrayList<>();
    while (record.hasRemaining()) {
      Prefix prefix = Prefix.of(record.get());
      byte[] name = new byte[record.get() & 0xff];
      byte[] value = new byte[record.getShort() & 0xffff];
      record.get(name).get(value);
      xattrs.add(new IndexXattr(prefix, name, value));
    }
    return xattrs;
  }

  /** {@return the attributes of more than one file, sorted} */
  List<IndexXattr> shared() {
    return uses.entrySet().stream()
        .filter(each -> each.getValue() > 1)
        .map(Map.Entry::getKey)
        .sorted(
            (one, other) -> {
              int byName = one.compareTo(other);
              return byName != 0 ? byName : Arrays.compareUnsigned(one.value(), other.value());
            })
        .toList();
  }
}
