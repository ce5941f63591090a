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
 * Builds indexes of stored layers before they are asked for. When containerd has been told that a
 * layer exists, it takes longer to ask for the next one than the next one's index takes. Which
 * layer is next is a guess; a wrong one costs nothing but the time, and the index is removed again.
 *
 * <p>Safe for use by several threads.
 */
public final class IndexPrefetch implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(IndexPrefetch.class);

  /** Builds an index that no request has asked for. */
  @FunctionalInterface
  interface Builder {

    /**
     * {@return the digest of the index, which is in the store; nothing if it has to be built when
     * it is asked for}
     *
     * @param parent on which the layer is
     * @param ref of the layer
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
   * @param isDiskLow whether there may be no room for more than what is asked for
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

  /** Has the index of a layer built on a snapshot that was just committed. */
  void begin(SnapshotRecord parent, Digest diffId) {
    prefetcher.begin(Place.of(parent, diffId), () -> new NextIndex(parent, layers.acquire(diffId)));
  }

  /**
   * {@return a claim on the index of a layer on a parent, with the index if that is built ahead}
   */
  Prefetcher<Place, Digest>.Claim claim(@Nullable SnapshotRecord parent, Digest diffId) {
    return prefetcher.claim(Place.of(parent, diffId));
  }

  /**
   * Gives up the index for a place on a snapshot that is to be removed. Returns when none is being
   * built there.
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
        // The request for it meets the same failure, and reports it.
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
      // All of the layer, if no snapshot has it any more; otherwise an index that none needs.
      indexedLayers.collect(ref.diffId());
    }
  }
}
