package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layerstore.InMemoryTemplate;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerIngest;
import io.gatun.snapshot.layerstore.LayerStore;
import java.io.IOException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings layers into the store before anybody asks for them. They are known there by their blobs
 * like those that were asked for, but have no record, and so are garbage when they are given up.
 * Their indexes are made when they are asked for, as these depend on the layers below.
 */
public final class IndexedPrefetch implements LayerPrefetch.Source {

  private static final Logger log = LoggerFactory.getLogger(IndexedPrefetch.class);

  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final IndexedWriter indexing;
  private final boolean isSynced;

  /**
   * @param isSynced whether what is applied is synced afterwards as a rule
   */
  public IndexedPrefetch(
      LayerStore layers, IndexedLayers indexedLayers, IndexedWriter indexing, boolean isSynced) {
    this.layers = layers;
    this.indexedLayers = indexedLayers;
    this.indexing = indexing;
    this.isSynced = isSynced;
  }

  @Override
  public boolean isPresent(Digest blob) {
    return layers.diffIdOf(blob).isPresent();
  }

  @Override
  public Optional<PrefetchedTar> prefetch(LayerBlob blob, Cancellation cancellation)
      throws IOException {
    try (LayerIngest ingest = layers.ingest()) {
      Optional<InMemoryTemplate> read = indexing.prefetch(blob, ingest, cancellation);
      return read.isEmpty() ? Optional.empty() : Optional.of(publish(ingest, read.get(), blob));
    }
  }

  private PrefetchedTar publish(LayerIngest ingest, InMemoryTemplate late, LayerBlob blob)
      throws IOException {
    boolean isHandedOn = false;
    try {
      LayerStore.LayerRef ref = layers.publish(ingest, late.layer(), blob.digest(), isSynced);
      log.debug("layer is prefetched diff_id={}", ref.diffId());
      isHandedOn = true;
      return new PrefetchedTar(ref, late, indexedLayers);
    } finally {
      if (!isHandedOn) {
        late.close();
      }
    }
  }
}
