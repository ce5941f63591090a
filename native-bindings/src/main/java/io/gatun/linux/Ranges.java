package io.gatun.linux;

/**
 * Refuses offsets and lengths that no file has, which the kernel would take for very large ones.
 */
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
      throw new IllegalArgumentException("no range: offset " + offset + ", length " + length);
    }
  }
}
