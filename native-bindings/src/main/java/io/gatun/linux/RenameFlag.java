package io.gatun.linux;

/** How renameat2(2) treats the new name. Without a flag, it replaces an existing one. */
public enum RenameFlag {
  /** Fails with {@code EEXIST} if the name is taken. */
  NO_REPLACE(Abi.RENAME_NOREPLACE),
  /** Swaps two existing names. */
  EXCHANGE(Abi.RENAME_EXCHANGE),
  /** Leaves an overlay whiteout at the old name. */
  WHITEOUT(Abi.RENAME_WHITEOUT);

  final int bits;

  RenameFlag(int bits) {
    this.bits = bits;
  }
}
