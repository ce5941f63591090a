package io.gatun.snapshot.layer.tar;

/** The type of a tar entry. */
public enum TarType {
  REGULAR('0'),
  HARD_LINK('1'),
  SYMBOLIC_LINK('2'),
  CHARACTER_DEVICE('3'),
  BLOCK_DEVICE('4'),
  DIRECTORY('5'),
  FIFO('6'),
  /** A type flag without a meaning for layers; the entry can be skipped by its size. */
  UNKNOWN('?');

  private static final TarType[] ALL = values();

  private final char flag;

  TarType(char flag) {
    this.flag = flag;
  }

  /** {@return the type with a flag of POSIX} */
  static TarType of(char flag) {
    for (TarType type : ALL) {
      if (type.flag == flag) {
        return type;
      }
    }
    return UNKNOWN;
  }

  public char flag() {
    return flag;
  }

  /** {@return whether the entry has no content, whatever its size field} */
  boolean isHeaderOnly() {
    return this != REGULAR && this != UNKNOWN;
  }
}
