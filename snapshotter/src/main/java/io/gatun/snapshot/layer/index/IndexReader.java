package io.gatun.snapshot.layer.index;

import io.gatun.linux.ErrnoException;
import java.nio.ByteBuffer;

/** Random access to an existing index. */
public interface IndexReader {

  /** {@return the length of the index} */
  long sizeBytes();

  /**
   * Fills a buffer, only partly at the end of the index.
   *
   * @param offset where in the index to begin
   */
  void read(ByteBuffer into, long offset) throws ErrnoException;
}
