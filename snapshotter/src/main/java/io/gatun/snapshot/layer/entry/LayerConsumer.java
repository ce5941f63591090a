package io.gatun.snapshot.layer.entry;

import java.io.IOException;

/** Consumes the entries of a layer in order, on the thread of the apply. */
@FunctionalInterface
public interface LayerConsumer {

  /**
   * Consumes the next entry. The digests are verified only at the end of the apply; if it fails,
   * everything that was created so far must be discarded.
   *
   * @param content of a regular file; empty for other entries
   * @throws IOException to end the apply with this cause
   */
  void entry(LayerEntry entry, LayerContent content) throws IOException;
}
