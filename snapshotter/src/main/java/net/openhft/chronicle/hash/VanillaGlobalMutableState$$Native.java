package net.openhft.chronicle.hash;

import net.openhft.chronicle.bytes.BytesStore;

/**
 * The part of a Chronicle Map's header that changes, as it lies in memory.
 *
 * <p>Chronicle Map would write the source of a class of this name when the first map is opened, and
 * have javac compile it: more than a second, some 30 MB that the daemon never gives back, and a JDK
 * where a JRE would do. It looks for the class before that, and finds this one.
 *
 * <pre>
 *    0           3                   8                   13              17                25
 *    +-----------+-------------------+-------------------+---------------+-----------------+
 *    | extra     | first free tier   | extra tiers       | offset of the | size of         |
 *    | bulks     |                   | in use            | segments      | the data        |
 *    +-----------+-------------------+-------------------+---------------+-----------------+
 * </pre>
 *
 * <p>Numbers are little endian and not negative. {@code ChronicleClassesTest} holds this against
 * what the library generates.
 */
// The name and the raw types are the choice of the library.
@SuppressWarnings({"rawtypes", "unchecked"})
public final class VanillaGlobalMutableState$$Native implements VanillaGlobalMutableState {

  private static final int BULKS_OFFSET = 0;
  private static final int FREE_TIER_OFFSET = 3;
  private static final int TIERS_OFFSET = 8;
  private static final int SEGMENTS_OFFSET = 13;
  private static final int DATA_OFFSET = 17;
  private static final int BYTES = 25;

  private static final int MAX_24_BITS = (1 << 24) - 1;
  private static final long MAX_32_BITS = (1L << 32) - 1;
  private static final long MAX_40_BITS = (1L << 40) - 1;

  private BytesStore store;
  private long start;

  @Override
  public int getAllocatedExtraTierBulks() {
    return store.readInt(start + BULKS_OFFSET) & MAX_24_BITS;
  }

  @Override
  public void setAllocatedExtraTierBulks(int bulks) {
    require(bulks, MAX_24_BITS);
    // The byte above belongs to the next number.
    int others = store.readInt(start + BULKS_OFFSET) & ~MAX_24_BITS;
    store.writeInt(start + BULKS_OFFSET, others | bulks);
  }

  @Override
  public long getFirstFreeTierIndex() {
    return readFiveBytes(FREE_TIER_OFFSET);
  }

  @Override
  public void setFirstFreeTierIndex(long tier) {
    writeFiveBytes(FREE_TIER_OFFSET, tier);
  }

  @Override
  public long getExtraTiersInUse() {
    return readFiveBytes(TIERS_OFFSET);
  }

  @Override
  public void setExtraTiersInUse(long tiers) {
    writeFiveBytes(TIERS_OFFSET, tiers);
  }

  @Override
  public long getSegmentHeadersOffset() {
    return Integer.toUnsignedLong(store.readInt(start + SEGMENTS_OFFSET));
  }

  @Override
  public void setSegmentHeadersOffset(long offset) {
    require(offset, MAX_32_BITS);
    store.writeInt(start + SEGMENTS_OFFSET, (int) offset);
  }

  @Override
  public long getDataStoreSize() {
    return store.readLong(start + DATA_OFFSET);
  }

  @Override
  public void setDataStoreSize(long size) {
    require(size, Long.MAX_VALUE);
    store.writeLong(start + DATA_OFFSET, size);
  }

  @Override
  public long addDataStoreSize(long addition) {
    long size = Math.addExact(getDataStoreSize(), addition);
    setDataStoreSize(size);
    return size;
  }

  private long readFiveBytes(int field) {
    return store.readLong(start + field) & MAX_40_BITS;
  }

  private void writeFiveBytes(int field, long value) {
    require(value, MAX_40_BITS);
    // The three bytes above belong to the next number.
    long others = store.readLong(start + field) & ~MAX_40_BITS;
    store.writeLong(start + field, others | value);
  }

  private static void require(long value, long maximum) {
    if (value < 0 || value > maximum) {
      throw new IllegalArgumentException(value + " is not from 0 to " + maximum);
    }
  }

  // Byteable: a view of other memory.

  @Override
  public void bytesStore(BytesStore bytes, long offset, long length) {
    if (length != BYTES) {
      throw new IllegalArgumentException(
          "the length is %d and has to be %d".formatted(length, BYTES));
    }
    if (offset + length > bytes.capacity()) {
      throw new IllegalArgumentException(
          "%d bytes at %d do not lie in %d".formatted(length, offset, bytes.capacity()));
    }
    store = bytes;
    start = offset;
  }

  @Override
  public BytesStore bytesStore() {
    return store;
  }

  @Override
  public long offset() {
    return start;
  }

  @Override
  public long maxSize() {
    return BYTES;
  }
}
