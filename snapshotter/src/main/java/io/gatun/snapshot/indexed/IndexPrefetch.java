package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Prefetcher;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layerstore.LayerStore;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Builds indexes of stored layers before they are requested. After the answer that a layer exists,
 * containerd takes longer to request the next layer than Gatun takes to build its index. The next
 * layer is a guess; a wrong guess costs only time, and its index is removed.
 *
 * <p>Safe for use by several threads.
 */
public final class IndexPrefetch implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(IndexPrefetch.class);

  /** Builds an index before it is requested. */
  @FunctionalInterface
  interface Builder {

    /**
     * {@return the digest of the stored index; nothing if it has to be built on request}
     *
     * @param parent the parent of the layer
     * @param ref keeps the layer in the store
     */
    Optional<Digest> build(
        SnapshotRecord parent, LayerStore.LayerRef ref, Cancellation cancellation)
        throws IOException;
  }

  /** A layer on a parent. */
  record Place(long parentId, String parent, Digest diffId) {

    static Place of(@Nullable SnapshotRecord parent, Digest diffId) {
      return parent == null
          ? new Place(SnapshotRecord.NO_PARENT, "", diffId)
          : new Place(parent.id(), parent.name(), diffId);
    }
  }

  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final Builder builder;
  private final Prefetcher<Place, Digest> prefetcher;

  /**
   * @param isDiskLow whether there may be room only for requested layers
   * @param expected how long an index is kept for its request
   */
  public IndexPrefetch(
      LayerStore layers,
      IndexedLayers indexedLayers,
      Builder builder,
      BooleanSupplier isDiskLow,
      Duration expected) {
    this.layers = layers;
    this.indexedLayers = indexedLayers;
    this.builder = builder;
    this.prefetcher =
        new Prefetcher<>("gatun-index-ahead", Prefetcher.Precedence.LAST, isDiskLow, expected);
  }

  /** Begins to build the index of a layer for a parent that was just committed. */
  void begin(SnapshotRecord parent, Digest diffId) {
    prefetcher.begin(Place.of(parent, diffId), () -> new NextIndex(parent, layers.acquire(diffId)));
  }

  /**
   * {@return a claim on the index of a layer for a parent, with the index if that was prefetched}
   */
  Prefetcher<Place, Digest>.Claim claim(@Nullable SnapshotRecord parent, Digest diffId) {
    return prefetcher.claim(Place.of(parent, diffId));
  }

  /**
   * Cancels the index for a parent that is about to be removed, and waits until it is no longer
   * being built.
   */
  void cancel(String parent) {
    prefetcher.cancel(place -> place.parent().equals(parent));
  }

  @Override
  public void close() {
    prefetcher.close();
  }

  private final class NextIndex implements Prefetcher.Work<Place, Digest> {
    private final SnapshotRecord parent;
    private final LayerStore.LayerRef ref;
    private final Cancellation cancellation = new Cancellation();

    NextIndex(SnapshotRecord parent, LayerStore.LayerRef ref) {
      this.parent = parent;
      this.ref = ref;
    }

    @Override
    public Optional<Digest> make(Predicate<Place> isWanted) {
      try {
        return builder.build(parent, ref, cancellation);
      } catch (IOException | SnapshotException e) {
        // The request for this index gets the same failure, and reports it.
        log.debug("index is not prefetched diff_id={} error=\"{}\"", ref.diffId(), e.getMessage());
        return Optional.empty();
      }
    }

    @Override
    public void cancel() {
      cancellation.cancel();
    }

    @Override
    public void release(Optional<Digest> made) {
      ref.close();
      // Deletes the whole layer if no snapshot has it any more, otherwise each index that none
      // needs.
      indexedLayers.collect(ref.diffId());
    }
  }
}
