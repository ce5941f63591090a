package io.gatun.snapshot.layer;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Where the bytes of a blob come from. */
@FunctionalInterface
public interface BlobSource {

  /**
   * Puts some of the bytes that come next into a buffer, waiting until there are any.
   *
   * @param into direct, with room
   * @return how many, at least one, or -1 after the last
   */
  int read(ByteBuffer into) throws IOException;

  /**
   * {@return some of the bytes that come next, direct, for reading only and until the next call of
   * anything here; none after the last} A source that has them in memory already need not copy
   * them.
   *
   * @param memory to put them into
   */
  default ByteBuffer next(ByteBuffer memory) throws IOException {
    memory.clear();
    int bytes = read(memory);
    return bytes < 0 ? memory.limit(0) : memory.flip();
  }
}
