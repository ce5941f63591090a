package io.gatun.snapshot.metadata.journal;

/**
 * The capacity of the metadata store.
 *
 * @param entriesMax the maximum number of snapshots. It sizes the index, at about 1,000 bytes of
 *     disk each, and the journal's reserve
 * @param journalBytes the size of a journal file without the reserve
 */
public record MetadataSettings(int entriesMax, int journalBytes) {

  /** Enough for a node with a few hundred images; the index then takes 100 MB of disk. */
  public static final int DEFAULT_ENTRIES_MAX = 100_000;

  /** About 20,000 changes. */
  public static final int DEFAULT_JOURNAL_BYTES = 8 << 20;

  /** A batch must fit; below this, a record of the maximum size does not. */
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

  public static MetadataSettings defaults() {
    return new MetadataSettings(DEFAULT_ENTRIES_MAX, DEFAULT_JOURNAL_BYTES);
  }

  public MetadataSettings withEntriesMax(int entries) {
    return new MetadataSettings(entries, journalBytes);
  }
}
