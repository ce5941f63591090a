package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.ErrnoException;
import java.nio.ByteBuffer;

/** An index that is there, to be read anywhere in it. */
public interface IndexReader {

  /** {@return how long it is} */
  long sizeBytes();

  /**
   * Fills what remains in a buffer, of which something is left over where the index ends.
   *
   * @param offset where in the index that begins
   */
  void read(ByteBuffer into, long offset) throws ErrnoException;
}
