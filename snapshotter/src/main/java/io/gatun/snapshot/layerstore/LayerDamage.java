package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.Digest;
import java.util.Set;

/**
 * What of a layer the disk does not have as it should be.
 *
 * @param isTarDamaged whether the tar is something else, or not there
 * @param indexes that are there, and are something else
 */
public record LayerDamage(boolean isTarDamaged, Set<Digest> indexes) {

  public LayerDamage {
    indexes = Set.copyOf(indexes);
  }

  /** {@return whether there is none} */
  public boolean isNone() {
    return !isTarDamaged && indexes.isEmpty();
  }
}
