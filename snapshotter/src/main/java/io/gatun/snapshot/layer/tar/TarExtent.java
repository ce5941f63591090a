package io.gatun.snapshot.layer.tar;

import java.util.List;

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

  /** {@return how many bytes of content there are in all} */
  public static long totalLength(List<TarExtent> extents) {
    // A stream is a dozen objects, and this is asked for each file of a layer.
    long total = 0;
    for (TarExtent extent : extents) {
      total += extent.length;
    }
    return total;
  }
}
