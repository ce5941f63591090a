package io.gatun.snapshot.metadata;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.RecordCodec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Limits the number and size of records, and warns before the limit is reached. */
final class Capacity {

  private static final Logger LOG = LoggerFactory.getLogger(Capacity.class);

  /** Far above the average size, which makes the number of records the limit that is hit first. */
  private static final long RECORD_BYTES = 4_096;

  private static final int[] WARN_PERCENT = {80, 90};

  /** A margin that prevents repeated warnings while the count oscillates around a threshold. */
  private static final int FORGET_PERCENT = 5;

  private final long entriesMax;
  private final long bytesMax;
  private int warned;

  Capacity(int entriesMax) {
    this.entriesMax = entriesMax;
    this.bytesMax = Math.max(entriesMax * RECORD_BYTES, 4L * RecordCodec.ENCODED_BYTES_MAX);
  }

  void requireRoom(SnapshotRecord record, int bytes, long count, long bytesSoFar) {
    if (count >= entriesMax) {
      throw new SnapshotException.ResourceExhausted(
          "put %s: the metadata store holds %d snapshots, the configured maximum"
              .formatted(RecordCodec.abbreviated(record.name()), count),
          null);
    }
    if (bytesSoFar + bytes > bytesMax) {
      throw new SnapshotException.ResourceExhausted(
          "put %s: the snapshots with their labels take %d bytes, and with entries = %d at most %d are allowed"
              .formatted(
                  RecordCodec.abbreviated(record.name()), bytesSoFar + bytes, entriesMax, bytesMax),
          null);
    }
  }

  /** Warns once per threshold, and again after the count has fallen below it. */
  void observe(long count) {
    long percent = 100 * count / entriesMax;
    while (warned > 0 && percent < WARN_PERCENT[warned - 1] - FORGET_PERCENT) {
      warned--;
    }
    boolean isHigher = false;
    while (warned < WARN_PERCENT.length && percent >= WARN_PERCENT[warned]) {
      warned++;
      isHigher = true;
    }
    if (isHigher) {
      LOG.warn(
          "the metadata store is nearly full; a full store refuses new snapshots"
              + " snapshots={} entries_max={} full_percent={}",
          count,
          entriesMax,
          percent);
    }
  }
}
