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
 * A layer whose tar is in the store before it is known which layers are below it.
 *
 * <p>Safe for use by several threads.
 */
final class PrefetchedTar implements Prefetched {

  private final LayerStore.LayerRef ref;
  private final IndexedLayers indexedLayers;

  /** Until a caller has asked for the index. */
  private final AtomicReference<InMemoryTemplate> late;

  /**
   * @param ref which keeps the layer there, and is closed with this
   * @param late of which its index can be made once, and which is closed with this
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
   * {@return its index in a place in a chain, which is in the store; nothing if it has to be made
   * of the tar}
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
    // All of the layer, if no snapshot has it; otherwise an index that none needs.
    indexedLayers.collect(ref.diffId());
  }
}
