package io.gatun.snapshot.layer.tar;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Supplies the bytes of a tar in pieces. */
@FunctionalInterface
public interface TarSource {

  /**
   * {@return the next bytes in a read-only buffer that is valid until the next call; empty at the
   * end}
   *
   * @throws InvalidLayerException if the source of the bytes is damaged
   */
  ByteBuffer next() throws IOException;

  /**
   * Skips bytes after those of the last {@link #next} without reading them.
   *
   * @return how many bytes were skipped: 0 if the source can only be read, and less than requested
   *     at the end
   */
  default long skip(long length) throws IOException {
    return 0;
  }
}
