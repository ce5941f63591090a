package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.Digest;
import java.util.Set;

/**
 * The damaged files of a layer.
 *
 * @param isTarDamaged whether the tar is damaged or missing
 * @param indexes existing indexes that are damaged
 */
public record LayerDamage(boolean isTarDamaged, Set<Digest> indexes) {

  public LayerDamage {
    indexes = Set.copyOf(indexes);
  }

  /** {@return whether nothing is damaged} */
  public boolean isNone() {
    return !isTarDamaged && indexes.isEmpty();
  }
}
