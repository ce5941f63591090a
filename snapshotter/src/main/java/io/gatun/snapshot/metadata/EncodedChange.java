package io.gatun.snapshot.metadata;

import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.Frame;
import io.gatun.snapshot.metadata.journal.RecordCodec;

/** A change as it goes into the journal. */
sealed interface EncodedChange {

  /** The whole state of a record. */
  final class Put implements EncodedChange {
    private final SnapshotRecord record;
    private final byte[] encoding;

    private Put(SnapshotRecord record) {
      this.record = record;
      this.encoding = RecordCodec.encode(record);
    }

    SnapshotRecord record() {
      return record;
    }

    byte[] encoding() {
      return encoding;
    }
  }

  /** The end of one. */
  record Remove(long id) implements EncodedChange {}

  /** The end of the trust in what was written to snapshots so far. */
  record Distrust(long idLimit) implements EncodedChange {}

  /** {@return the change, which is refused if it cannot be written} */
  static EncodedChange of(Change change) {
    return switch (change) {
      case Change.Put(SnapshotRecord record) -> new Put(record);
      case Change.Remove(long id) -> new Remove(id);
      case Change.SyncFailed(long idLimit) -> new Distrust(idLimit);
    };
  }

  /** {@return what it takes in the body of a frame} */
  default int bytes() {
    return switch (this) {
      case Put put -> Frame.PUT_BYTES + put.encoding.length;
      case Remove remove -> Frame.REMOVE_BYTES;
      case Distrust distrust -> Frame.DISTRUST_BYTES;
    };
  }
}
