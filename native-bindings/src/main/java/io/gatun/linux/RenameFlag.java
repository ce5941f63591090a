package io.gatun.linux;

/** How renameat2(2) treats the new name. Without one, it replaces what is there. */
public enum RenameFlag {
  /** Fails with {@code EEXIST} if there is anything. */
  NO_REPLACE(Abi.RENAME_NOREPLACE),
  /** Swaps the two, both of which must exist. */
  EXCHANGE(Abi.RENAME_EXCHANGE),
  /** Leaves an overlay whiteout at the old name. */
  WHITEOUT(Abi.RENAME_WHITEOUT);

  final int bits;

  RenameFlag(int bits) {
    this.bits = bits;
  }
}
