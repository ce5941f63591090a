package io.gatun.snapshot.metadata.journal;

import io.gatun.snapshot.SnapshotRecord;

/** What frames say, in whatever file they are: records, and how far ids were given out. */
public abstract class FrameContent implements Frame.Visitor {

  private long idLimit = Ids.FIRST;
  private long trustedFrom = Ids.FIRST;

  /** Takes the state of a snapshot, which makes sense by itself. */
  public abstract void onRecord(byte[] encoding, SnapshotRecord record) throws MalformedException;

  /** {@return every id below this may have been given to somebody} */
  public final long idLimit() {
    return idLimit;
  }

  /** {@return every id below this had been given out when a sync failed} */
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
