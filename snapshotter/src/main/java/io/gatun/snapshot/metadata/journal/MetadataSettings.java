package io.gatun.snapshot.metadata.journal;

/**
 * How much the metadata store may hold.
 *
 * @param entriesMax how many snapshots there may be. The index is sized for it, at some 1,000 bytes
 *     of disk each, and so is the reserve of the journal
 * @param journalBytes how much of a journal file is for anything but the reserve, before the next
 *     file begins
 */
public record MetadataSettings(int entriesMax, int journalBytes) {

  /** Enough for a node with a few hundred images; the index takes 100 MB of disk then. */
  public static final int DEFAULT_ENTRIES_MAX = 100_000;

  /** Some 20,000 changes. */
  public static final int DEFAULT_JOURNAL_BYTES = 8 << 20;

  /** One batch must fit; with less than this, a record of the greatest size does not. */
  static final int JOURNAL_BYTES_MIN = 64 << 10;

  static final int JOURNAL_BYTES_MAX = 1 << 30;

  /** The index would take 10 GB of disk. */
  public static final int ENTRIES_MAX_MAX = 10_000_000;

  public MetadataSettings {
    if (entriesMax < 1 || entriesMax > ENTRIES_MAX_MAX) {
      throw new IllegalArgumentException(
          "entriesMax is %d and must be from 1 to %d".formatted(entriesMax, ENTRIES_MAX_MAX));
    }
    if (journalBytes < JOURNAL_BYTES_MIN || journalBytes > JOURNAL_BYTES_MAX) {
      throw new IllegalArgumentException(
          "journalBytes is %d and must be from %d to %d"
              .formatted(journalBytes, JOURNAL_BYTES_MIN, JOURNAL_BYTES_MAX));
    }
  }

  /** {@return what a node gets if nothing else is said} */
  public static MetadataSettings defaults() {
    return new MetadataSettings(DEFAULT_ENTRIES_MAX, DEFAULT_JOURNAL_BYTES);
  }

  /** {@return the same, for another number of snapshots} */
  public MetadataSettings withEntriesMax(int entries) {
    return new MetadataSettings(entries, journalBytes);
  }
}
