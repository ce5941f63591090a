package io.gatun.linux;

/** The steps of sync_file_range(2), in the order in which they are done. */
public enum SyncRangeFlag {
  WAIT_BEFORE(Abi.SYNC_FILE_RANGE_WAIT_BEFORE),
  WRITE(Abi.SYNC_FILE_RANGE_WRITE),
  WAIT_AFTER(Abi.SYNC_FILE_RANGE_WAIT_AFTER);

  final int bits;

  SyncRangeFlag(int bits) {
    this.bits = bits;
  }
}
