package io.gatun.snapshot.apply.layer;

import java.util.ArrayList;
import java.util.List;

/**
 * Which parts of a file are in the tar, as the sparse formats say it. What cannot be throws {@link
 * NumberFormatException}.
 */
final class SparseMap {

  private final List<TarExtent> extents = new ArrayList<>();
  private long dataBytes;

  void add(long offset, long length) {
    long end = extents.isEmpty() ? 0 : extents.getLast().end();
    if (offset < end || length < 0 || offset > Long.MAX_VALUE - length) {
      throw new NumberFormatException("sparse map is out of order");
    }
    extents.add(new TarExtent(offset, length));
    dataBytes += length;
  }

  /**
   * {@return the parts, the empty ones left out}
   *
   * @param sizeBytes the length of the file
   * @param storedBytes the length of what is in the tar
   */
  List<TarExtent> extents(long sizeBytes, long storedBytes) {
    if (sizeBytes < 0 || (!extents.isEmpty() && extents.getLast().end() > sizeBytes)) {
      throw new NumberFormatException("sparse map goes beyond the end of the file");
    }
    if (dataBytes != storedBytes) {
      throw new NumberFormatException("sparse map and content differ in length");
    }
    return extents.stream().filter(extent -> extent.length() > 0).toList();
  }
}
