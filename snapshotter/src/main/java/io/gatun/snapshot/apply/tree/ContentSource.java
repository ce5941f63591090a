package io.gatun.snapshot.apply.tree;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Where the content of the file that is being written comes from, piece by piece. */
@FunctionalInterface
public interface ContentSource {

  /**
   * {@return what comes next of the content, its holes left out, for reading only and only until
   * the next call; nothing remains in the buffer at its end}
   */
  ByteBuffer next() throws IOException;
}
