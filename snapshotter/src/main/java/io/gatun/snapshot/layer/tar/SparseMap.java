package io.gatun.snapshot.layer.tar;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Which parts of a file are in the tar, as the sparse formats say it. What cannot be throws {@link
 * NumberFormatException}.
 */
final class SparseMap {

  private final List<TarExtent> extents = new ArrayList<>();
  private long endBytes;
  private long dataBytes;

  /**
   * Adds a part, or where there is none: of those there may be as many as a header has room for.
   */
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
   * {@return the parts, when all are there; the empty ones are left out}
   *
   * @param sizeBytes the length of the file
   * @param storedBytes the length of what is in the tar
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
