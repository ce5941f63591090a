package io.gatun.snapshot.layer.entry;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Consumes the entries of a layer in order, on the thread of the apply. */
@FunctionalInterface
public interface LayerConsumer {

  /** The content of one entry without its holes; unread content is skipped. */
  @FunctionalInterface
  interface LayerContent {

    /**
     * {@return the next part in a direct, read-only buffer, valid until the next call; empty at the
     * end} Parts come in the order of the entry's extents, but need not end at their boundaries.
     *
     * @throws IOException if the layer is damaged or the apply was cancelled; must not be caught,
     *     except to clean up
     */
    ByteBuffer next() throws IOException;
  }

  /**
   * Consumes the next entry. The digests are verified only at the end of the apply; if it fails,
   * everything that was created so far must be discarded.
   *
   * @param content of a regular file; empty for other entries
   * @throws IOException to end the apply with this cause
   */
  void entry(LayerEntry entry, LayerContent content) throws IOException;
}
