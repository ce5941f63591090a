package io.gatun.snapshot.layer.tar;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * The parts of a sparse file that are stored in the tar. Throws {@link NumberFormatException} for
 * an impossible map.
 */
final class SparseMap {

  private final List<TarExtent> extents = new ArrayList<>();
  private long endBytes;
  private long dataBytes;

  /** Adds a part, which may be empty: headers may contain any number of empty ones. */
  void add(long offset, long length) {
    if (offset < endBytes || length < 0 || offset > Long.MAX_VALUE - length) {
      throw new NumberFormatException("sparse map is out of order");
    }
    endBytes = offset + length;
    if (length > 0) {
      extents.add(new TarExtent(offset, length));
      dataBytes += length;
    }
  }

  /**
   * {@return the non-empty parts of the complete map}
   *
   * @param sizeBytes the length of the file
   * @param storedBytes the length of its content in the tar
   */
  List<TarExtent> extents(long sizeBytes, long storedBytes) {
    if (sizeBytes < 0 || endBytes > sizeBytes) {
      throw new NumberFormatException("sparse map goes beyond the end of the file");
    }
    if (dataBytes != storedBytes) {
      throw new NumberFormatException("sparse map and content differ in length");
    }
    return Collections.unmodifiableList(extents);
  }
}
