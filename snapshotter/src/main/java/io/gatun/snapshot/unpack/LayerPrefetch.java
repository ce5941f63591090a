package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.concurrent.Prefetcher;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.NextLayerHint;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the next layer of an image while one is applied: containerd requests the layers one after
 * the other, and the beginning and the end of each apply leave processors idle.
 *
 * <p>A caller claims a layer with its blob open, which shows that it may read the blob.
 *
 * <p>Safe for use by several threads.
 */
public final class LayerPrefetch implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(LayerPrefetch.class);

  private final LayerBackend backend;
  private final Prefetcher<Digest, Prefetched> prefetcher;

  /**
   * @param isDiskLow whether there may be room only for requested layers
   * @param expected how long a layer is kept for its request
   */
  public LayerPrefetch(LayerBackend backend, BooleanSupplier isDiskLow, Duration expected) {
    this.backend = backend;
    this.prefetcher = new Prefetcher<>("gatun-ahead", isDiskLow, expected);
  }

  /**
   * Claims a layer: waits for it if it is being prefetched, and begins to prefetch the next one.
   * The caller closes the claim when the layer is in use.
   *
   * @throws ApplyCancelledException if it was cancelled
   */
  Prefetcher<Digest, Prefetched>.Claim claim(
      Digest blob, NextLayerHint next, Cancellation cancellation) throws ApplyCancelledException {
    Prefetcher<Digest, Prefetched>.Claim claim;
    try (Cancellation.Registration _ = cancellation.onCancel(prefetcher::wake)) {
      claim =
          prefetcher.claim(
              blob,
              next.equals(NextLayerHint.UNKNOWN)
                  ? Optional.empty()
                  : Optional.of(new NextLayer(next, blob)),
              cancellation::isCancelled);
    }
    try {
      cancellation.check();
      return claim;
    } catch (ApplyCancelledException e) {
      claim.close();
      throw e;
    }
  }

  @Override
  public void close() {
    prefetcher.close();
  }

  private final class NextLayer implements Prefetcher.Work<Digest, Prefetched> {
    private final NextLayerHint hint;
    private final Digest before;
    private final Cancellation cancellation = new Cancellation();

    /**
     * @param before the blob after which this one is expected
     */
    NextLayer(NextLayerHint hint, Digest before) {
      this.hint = hint;
      this.before = before;
    }

    @Override
    public Optional<Prefetched> make(Predicate<Digest> isWanted) {
      try (LayerBlob blob = hint.open().orElse(null)) {
        return blob != null && !backend.isPresent(blob.digest()) && isWanted.test(blob.digest())
            ? backend.prefetch(blob, cancellation).map(layer -> layer)
            : Optional.empty();
      } catch (IOException | SnapshotException e) {
        // The request for this layer gets the same failure, and reports it.
        log.debug("layer is not prefetched after={} error=\"{}\"", before, e.getMessage());
        return Optional.empty();
      }
    }

    @Override
    public void cancel() {
      cancellation.cancel();
    }

    @Override
    public void release(Optional<Prefetched> made) {
      made.ifPresent(Prefetched::release);
    }
  }
}
