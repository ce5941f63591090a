package io.gatun.snapshot.metadata.journal;

import io.gatun.snapshot.SnapshotRecord;

/** The content of frames: records, and the limits of reserved and distrusted ids. */
public abstract class FrameContent implements Frame.Visitor {

  private long idLimit = Ids.FIRST;
  private long trustedFrom = Ids.FIRST;

  /** Takes a valid record. */
  public abstract void onRecord(byte[] encoding, SnapshotRecord record) throws MalformedException;

  /** {@return the limit of ids that may have been given out} */
  public final long idLimit() {
    return idLimit;
  }

  /** {@return the limit of ids that had been given out when a sync failed} */
  public final long trustedFrom() {
    return trustedFrom;
  }

  @Override
  public final void onPut(byte[] encoding) throws MalformedException {
    SnapshotRecord record = RecordCodec.decode(encoding);
    onRecord(encoding, record);
    idLimit = Math.max(idLimit, record.id() + 1);
  }

  @Override
  public final void onReserve(long end) {
    idLimit = Math.max(idLimit, end);
  }

  @Override
  public final void onDistrust(long end) {
    trustedFrom = Math.max(trustedFrom, end);
  }
}
