package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.lower.LowerTreeAttributes;
import io.gatun.snapshot.layerstore.LayerStore;
import java.io.IOException;

/**
 * Builds the index of a layer for a chain, from the layer's tar and the attributes of the layers
 * below.
 */
public final class ChainIndexBuilder {

  private final Driver driver;
  private final LayerStore layers;
  private final LayerMounts layerMounts;

  public ChainIndexBuilder(Driver driver, LayerStore layers, LayerMounts layerMounts) {
    this.driver = driver;
    this.layers = layers;
    this.layerMounts = layerMounts;
  }

  /**
   * {@return the digest of the index, which is stored}
   *
   * @param chain the snapshot with the layer, and its parents
   * @param ref keeps the layer in the store
   * @param isDurable whether the index has to be on the disk when this returns
   */
  Digest buildFor(Chain chain, LayerStore.LayerRef ref, boolean isDurable) throws IOException {
    IndexForm form = chain.lowers().isEmpty() ? IndexForm.BASE : IndexForm.OVERLAY;
    try (var _ = layerMounts.acquire(chain.parents())) {
      LowerTreeAttributes below = new LowerTreeAttributes(driver.target(chain).lowers());
      return layers
          .reindex(ref, form, below.ofTop(), below, isDurable, new Cancellation())
          .digest();
    }
  }
}
