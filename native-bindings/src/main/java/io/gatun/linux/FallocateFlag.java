package io.gatun.linux;

/** Modes of fallocate(2). Without one, it reserves blocks and extends the file. */
public enum FallocateFlag {
  KEEP_SIZE(Abi.FALLOC_FL_KEEP_SIZE),
  /** Only with {@link #KEEP_SIZE}. */
  PUNCH_HOLE(Abi.FALLOC_FL_PUNCH_HOLE),
  COLLAPSE_RANGE(Abi.FALLOC_FL_COLLAPSE_RANGE),
  ZERO_RANGE(Abi.FALLOC_FL_ZERO_RANGE),
  INSERT_RANGE(Abi.FALLOC_FL_INSERT_RANGE),
  UNSHARE_RANGE(Abi.FALLOC_FL_UNSHARE_RANGE);

  final int bits;

  FallocateFlag(int bits) {
    this.bits = bits;
  }
}
