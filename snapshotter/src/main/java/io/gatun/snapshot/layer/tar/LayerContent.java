package io.gatun.snapshot.layer.tar;

import java.io.IOException;
import java.nio.ByteBuffer;

/** The content of one entry, its holes left out; whatever is not asked for is passed over. */
@FunctionalInterface
public interface LayerContent {

  /**
   * {@return what comes next, direct, for reading only and only until the next call; nothing
   * remains in the buffer at the end of the content} The parts follow the extents of the entry, but
   * do not end where those do.
   *
   * @throws IOException if the layer turns out to be damaged, or the apply has been stopped; it is
   *     not to be caught, except to clean up
   */
  ByteBuffer next() throws IOException;
}
