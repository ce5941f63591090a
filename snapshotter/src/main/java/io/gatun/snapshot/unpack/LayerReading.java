package io.gatun.snapshot.unpack;

import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import java.io.IOException;

/** A layer that can be read: from its blob, or from the tar that was made of it. */
@FunctionalInterface
interface LayerReading {

  /** Hands all entries of the layer to a consumer. */
  AppliedLayer read(LayerConsumer consumer) throws IOException;
}
