package io.gatun.snapshot.apply.layer;

/**
 * A part of a file that has content; what lies between two is a hole and reads as zeros.
 *
 * @param offset where in the file, in bytes
 * @param length how many bytes
 */
public record TarExtent(long offset, long length) {

  /** {@return where in the file it ends} */
  public long end() {
    return offset + length;
  }
}
