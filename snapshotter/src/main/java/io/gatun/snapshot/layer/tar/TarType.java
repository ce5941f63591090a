package io.gatun.snapshot.layer.tar;

/** The type of a tar entry. */
public enum TarType {
  REGULAR,
  HARD_LINK,
  SYMBOLIC_LINK,
  CHARACTER_DEVICE,
  BLOCK_DEVICE,
  DIRECTORY,
  FIFO,
  /** A type flag without a meaning for layers; the entry can be skipped by its size. */
  UNKNOWN;

  /** {@return whether the entry has no content, whatever its size field} */
  boolean isHeaderOnly() {
    return switch (this) {
      case HARD_LINK, SYMBOLIC_LINK, CHARACTER_DEVICE, BLOCK_DEVICE, DIRECTORY, FIFO -> true;
      case REGULAR, UNKNOWN -> false;
    };
  }
}
