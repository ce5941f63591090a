package io.gatun.snapshot.layer.tar;

import java.util.List;

/**
 * A part of a file with content; the gaps between extents are holes and read as zeros.
 *
 * @param offset in the file, in bytes
 * @param length in bytes
 */
public record TarExtent(long offset, long length) {

  /** {@return its end in the file} */
  public long end() {
    return offset + length;
  }

  /** {@return the total content in bytes} */
  public static long totalLength(List<TarExtent> extents) {
    // A stream would allocate a dozen objects for each file of a layer.
    long total = 0;
    for (TarExtent extent : extents) {
      total += extent.length;
    }
    return total;
  }
}
