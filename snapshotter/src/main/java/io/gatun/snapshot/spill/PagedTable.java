package io.gatun.snapshot.spill;

import io.gatun.linux.ErrnoException;

/**
 * A grow-only hash table in paged memory; an entry is a hash and a non-zero value.
 *
 * <p>Uses open addressing with linear probing, at most half full. Growing copies to a table of
 * twice the size; the memory of the old tables is lost, about as much as the last table uses.
 */
public final class PagedTable {

  /** Compares a value with the one searched for when their hashes are equal. */
  @FunctionalInterface
  public interface Match {
    boolean isIt(int value) throws ErrnoException;
  }

  private static final int ENTRY_SHIFT = 3;
  private static final int FIRST_SLOTS = PagedMemory.PAGE_BYTES >>> ENTRY_SHIFT;

  private static final long FREE = 0;

  private final PagedMemory memory;
  private long start;
  private long slots;
  private long used;

  public PagedTable(PagedMemory memory) {
    this.memory = memory;
    begin(FIRST_SLOTS);
  }

  private void begin(long count) {
    slots = count;
    start = PagedMemory.address(memory.allocate(count << ENTRY_SHIFT));
  }

  /** {@return the matching value, or 0} */
  public int find(int hash, Match match) throws ErrnoException {
    long slot = first(hash);
    for (long entry = entry(slot); entry != FREE; entry = entry(slot)) {
      if (hash(entry) == hash && match.isIt((int) entry)) {
        return (int) entry;
      }
      slot = next(slot);
    }
    return 0;
  }

  /** Adds a non-zero value that is not in the table. */
  public void add(int hash, int value) throws ErrnoException {
    used++;
    if (used > slots / 2) {
      grow();
    }
    put((long) hash << Integer.SIZE | Integer.toUnsignedLong(value));
  }

  private void grow() throws ErrnoException {
    long oldStart = start;
    long oldSlots = slots;
    begin(2 * oldSlots);
    for (long slot = 0; slot < oldSlots; slot++) {
      long entry = memory.getLong(oldStart + (slot << ENTRY_SHIFT));
      if (entry != FREE) {
        put(entry);
      }
    }
  }

  private void put(long entry) throws ErrnoException {
    long slot = first(hash(entry));
    while (entry(slot) != FREE) {
      slot = next(slot);
    }
    memory.putLong(start + (slot << ENTRY_SHIFT), entry);
  }

  private long first(int hash) {
    return Integer.toUnsignedLong(hash) & (slots - 1);
  }

  private long next(long slot) {
    return (slot + 1) & (slots - 1);
  }

  private long entry(long slot) throws ErrnoException {
    return memory.getLong(start + (slot << ENTRY_SHIFT));
  }

  private static int hash(long entry) {
    return (int) (entry >>> Integer.SIZE);
  }
}
