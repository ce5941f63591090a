package io.gatun.snapshot.layer;

import java.util.Optional;

/** Guesses the layer that is unpacked next. */
@FunctionalInterface
public interface NextLayerHint {

  /** Makes no guess. */
  NextLayerHint UNKNOWN = Optional::empty;

  /**
   * {@return the layer, to be closed by the caller; empty if it is unknown or not available yet}
   *
   * <p>May take a while, and is called by a thread other than the one that unpacks, possibly after
   * the unpack.
   */
  Optional<LayerBlob> open();
}
