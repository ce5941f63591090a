package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;
import java.util.Optional;

/** Locates the blob of a layer that was unpacked earlier. */
@FunctionalInterface
public interface LayerBlobs {

  /** Never has a blob. */
  LayerBlobs NONE = _ -> Optional.empty();

  /**
   * {@return a blob whose content is unverified, to be closed by the caller; empty if it is not
   * available now}
   */
  Optional<LayerBlob> open(Digest digest);
}
