package io.gatun.snapshot.layer.entry;

import java.io.IOException;
import java.nio.ByteBuffer;

/** The content of one entry without its holes; unread content is skipped. */
@FunctionalInterface
public interface LayerContent {

  /**
   * {@return the next part in a direct, read-only buffer, valid until the next call; empty at the
   * end} Parts come in the order of the entry's extents, but need not end at their boundaries.
   *
   * @throws IOException if the layer is damaged or the apply was cancelled; must not be caught,
   *     except to clean up
   */
  ByteBuffer next() throws IOException;
}
