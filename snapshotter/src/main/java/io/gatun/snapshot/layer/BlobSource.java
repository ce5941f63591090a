package io.gatun.snapshot.layer;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Supplies the bytes of a blob. */
@FunctionalInterface
public interface BlobSource {

  /**
   * Reads the next bytes into a buffer, blocking until there are any.
   *
   * @param into direct, with space left
   * @return how many, at least one, or -1 at the end
   */
  int read(ByteBuffer into) throws IOException;

  /**
   * {@return the next bytes in a direct, read-only buffer that is valid until the next call of any
   * method; empty at the end} A source with the bytes in memory need not copy them.
   *
   * @param memory a buffer for the bytes
   */
  default ByteBuffer next(ByteBuffer memory) throws IOException {
    memory.clear();
    int bytes = read(memory);
    return bytes < 0 ? memory.limit(0) : memory.flip();
  }
}
