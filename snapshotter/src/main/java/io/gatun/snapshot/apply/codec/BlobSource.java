package io.gatun.snapshot.apply.codec;

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
}
