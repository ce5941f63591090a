package io.gatun.snapshot.unpack;

import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import java.io.IOException;

/** Reads a layer, from its blob or from its tar. */
@FunctionalInterface
interface LayerReading {

  /** Passes all entries of the layer to a consumer. */
  AppliedLayer read(LayerConsumer consumer) throws IOException;
}
