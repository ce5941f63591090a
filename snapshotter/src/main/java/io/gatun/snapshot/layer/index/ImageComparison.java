package io.gatun.snapshot.layer.index;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.layer.erofs.ImageFile;
import java.nio.ByteBuffer;
import java.util.OptionalLong;

/** A sink that compares an index with an existing one while it is written, and stores nothing. */
final class ImageComparison implements ImageFile.Sink {

  private final IndexReader there;
  private final ByteBuffer bytes = ByteBuffer.allocate(ImageFile.BUFFER_BYTES);
  private OptionalLong difference = OptionalLong.empty();
  private long written;

  ImageComparison(IndexReader there) {
    this.there = there;
  }

  @Override
  public int write(ByteBuffer from, long offset) throws ErrnoException {
    int length = from.remaining();
    if (difference.isEmpty()) {
      there.read(bytes.clear().limit(length), offset);
      int at = bytes.flip().mismatch(from);
      if (at >= 0) {
        difference = OptionalLong.of(offset + at);
      }
    }
    from.position(from.limit());
    written = offset + length;
    return length;
  }

  OptionalLong difference() {
    return difference.isEmpty() && written < there.sizeBytes()
        ? OptionalLong.of(written)
        : difference;
  }
}
