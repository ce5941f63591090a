package io.gatun.snapshot.layer.tar;

/** What an entry of a tar is, by its type flag. */
public enum TarType {
  REGULAR,
  HARD_LINK,
  SYMBOLIC_LINK,
  CHARACTER_DEVICE,
  BLOCK_DEVICE,
  DIRECTORY,
  FIFO,
  /** A type flag that says nothing to a layer; the entry can be skipped over by its size. */
  UNKNOWN;

  /** {@return whether no content follows, whatever the size says} */
  boolean isHeaderOnly() {
    return switch (this) {
      case HARD_LINK, SYMBOLIC_LINK, CHARACTER_DEVICE, BLOCK_DEVICE, DIRECTORY, FIFO -> true;
      case REGULAR, UNKNOWN -> false;
    };
  }
}
