package io.gatun.snapshot.layer.index;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.layer.erofs.ImageFile;
import java.nio.ByteBuffer;
import java.util.OptionalLong;

/**
 * The result of comparing an existing index with one built from the tar.
 *
 * @param difference offset of the first difference; empty if they are the same
 * @param isInheritanceProven whether the UUID confirms the inherited attributes; otherwise they
 *     were taken from the existing index and only the rest was compared
 */
public record IndexComparison(OptionalLong difference, boolean isInheritanceProven) {

  /** Compares an index with an existing one while it is written, and stores nothing. */
  static final class Sink implements ImageFile.Sink {

    private final IndexReader there;
    private final ByteBuffer bytes = ByteBuffer.allocate(ImageFile.BUFFER_BYTES);
    private OptionalLong difference = OptionalLong.empty();
    private long written;

    Sink(IndexReader there) {
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
}
