package io.gatun.snapshot.layer.tar;

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

  /**
   * Passes over what comes next without anybody looking at it; what {@link #next} gave before is
   * not part of that.
   *
   * @return how many bytes were passed over: none where reading is the only way, and fewer than
   *     asked for at the end
   */
  default long skip(long length) throws IOException {
    return 0;
  }
}
