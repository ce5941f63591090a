package io.gatun.snapshot.unpack;

import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layerstore.InMemoryTemplate;
import io.gatun.snapshot.layerstore.LayerStore;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A layer whose tar is in the store before the layers below it are known.
 *
 * <p>Safe for use by several threads.
 */
final class PrefetchedTar implements Prefetched {

  private final LayerStore.LayerRef ref;
  private final IndexedLayers indexedLayers;

  /** Null after a caller has requested the index. */
  private final AtomicReference<InMemoryTemplate> late;

  /**
   * @param ref keeps the layer in the store until {@link #release}
   * @param late builds the index once; {@link #release} closes it
   */
  PrefetchedTar(LayerStore.LayerRef ref, InMemoryTemplate late, IndexedLayers indexedLayers) {
    this.ref = ref;
    this.indexedLayers = indexedLayers;
    this.late = new AtomicReference<>(late);
  }

  LayerStore.LayerRef use() {
    return ref;
  }

  /**
   * {@return the stored index for a place in a chain; nothing if it has to be built from the tar}
   *
   * @param isDurable whether the index has to be on the disk when this returns
   */
  Optional<LayerIndex> index(
      LayerStore layers,
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes below,
      boolean isDurable)
      throws IOException {
    try (InMemoryTemplate taken = late.getAndSet(null)) {
      return taken != null && taken.inherit(form, top, below)
          ? Optional.of(layers.addIndex(ref, taken, isDurable))
          : Optional.empty();
    }
  }

  @Override
  public void release() {
    try (InMemoryTemplate _ = late.getAndSet(null)) {
      ref.close();
    }
    // Deletes the whole layer if no snapshot has it, otherwise each index that none needs.
    indexedLayers.collect(ref.diffId());
  }
}
