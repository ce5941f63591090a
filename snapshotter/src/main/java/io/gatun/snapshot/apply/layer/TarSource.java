package io.gatun.snapshot.apply.layer;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Where the bytes of a tar come from, piece by piece. */
@FunctionalInterface
public interface TarSource {

  /**
   * {@return the bytes that come next, for reading only and only until the next call; nothing
   * remains in the buffer when there are no more}
   *
   * @throws InvalidLayerException if what the bytes are made from is damaged
   */
  ByteBuffer next() throws IOException;
}
