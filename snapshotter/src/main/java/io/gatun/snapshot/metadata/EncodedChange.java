package io.gatun.snapshot.metadata;

import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.Frame;
import io.gatun.snapshot.metadata.journal.RecordCodec;

/** A change in its journal encoding. */
sealed interface EncodedChange {

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

  record Remove(long id) implements EncodedChange {}

  /** See {@link Change.SyncFailed}. */
  record Distrust(long idLimit) implements EncodedChange {}

  /** {@return the encoded change} Fails if it is too large. */
  static EncodedChange of(Change change) {
    return switch (change) {
      case Change.Put(SnapshotRecord record) -> new Put(record);
      case Change.Remove(long id) -> new Remove(id);
      case Change.SyncFailed(long idLimit) -> new Distrust(idLimit);
    };
  }

  /** {@return its size in the body of a frame} */
  default int bytes() {
    return switch (this) {
      case Put put -> Frame.PUT_BYTES + put.encoding.length;
      case Remove remove -> Frame.REMOVE_BYTES;
      case Distrust distrust -> Frame.DISTRUST_BYTES;
    };
  }
}
