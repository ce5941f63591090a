package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;
import java.util.Optional;

/** Where the blob of a layer may still be had that was unpacked before. */
@FunctionalInterface
public interface LayerBlobs {

  /** There is none. */
  LayerBlobs NONE = _ -> Optional.empty();

  /**
   * {@return a blob, which need not be what its digest says, and is closed by the caller; nothing
   * if it is not to be had now}
   */
  Optional<LayerBlob> open(Digest digest);
}
