package io.gatun.snapshot.layer.tar;

import java.io.IOException;

/** What becomes of a layer. Called by the thread that applies, in the order of the layer. */
@FunctionalInterface
public interface LayerConsumer {

  /**
   * Takes the next entry. That the layer is what its digests say is not known before the apply
   * returns, and what has been made of it until then is worth nothing if that fails.
   *
   * @param content of a regular file; of other entries there is none
   * @throws IOException which ends the apply and is the reason of its failure
   */
  void entry(LayerEntry entry, LayerContent content) throws IOException;
}
