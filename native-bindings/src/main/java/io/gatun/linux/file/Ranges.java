package io.gatun.linux.file;

/** Rejects negative offsets and lengths, which the kernel would interpret as very large ones. */
final class Ranges {

  private Ranges() {}

  static void requireOffset(long offset) {
    if (offset < 0) {
      throw new IllegalArgumentException("negative offset: " + offset);
    }
  }

  static void require(long offset, long length) {
    requireOffset(offset);
    if (length < 0 || offset + length < 0) {
      throw new IllegalArgumentException("invalid range: offset " + offset + ", length " + length);
    }
  }
}
