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
 * Makes the index that an indexed layer has in a chain, of its tar and of what the layers below
 * have.
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
   * {@return the digest of the index, which is in the store}
   *
   * @param chain whose first snapshot has the layer
   * @param ref which keeps the layer there
   * @param isDurable whether the index has to be on the disk when this returns
   */
  Digest buildFor(Chain chain, LayerStore.LayerRef ref, boolean isDurable) throws IOException {
    return buildFor(chain, ref, isDurable, new Cancellation());
  }

  /** As before, for somebody who may give up. */
  Digest buildFor(
      Chain chain, LayerStore.LayerRef ref, boolean isDurable, Cancellation cancellation)
      throws IOException {
    IndexForm form = chain.lowers().isEmpty() ? IndexForm.BASE : IndexForm.OVERLAY;
    try (var _ = layerMounts.acquire(chain.parents())) {
      LowerTreeAttributes below = new LowerTreeAttributes(driver.target(chain).lowers());
      return layers.reindex(ref, form, below.ofTop(), below, isDurable, cancellation).digest();
    }
  }
}
