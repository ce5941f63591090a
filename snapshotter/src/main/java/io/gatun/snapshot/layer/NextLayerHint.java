package io.gatun.snapshot.layer;

import java.util.Optional;

/**
 * Which layer is likely to be unpacked after the one that is at hand. A guess, which may be wrong.
 */
@FunctionalInterface
public interface NextLayerHint {

  /** Nobody knows. */
  NextLayerHint UNKNOWN = Optional::empty;

  /**
   * {@return the layer, to be closed by the caller; nothing if it is not known, or not there yet}
   *
   * <p>May take a while, and is called by another thread than the one that unpacks, perhaps when
   * that is done.
   */
  Optional<LayerBlob> open();
}
