package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.concurrent.Prefetcher;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.extract.TreeResult;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A layer that somebody asks for, which may be in the store already because it was made ahead. */
final class PrefetchedOrNewTar implements IndexedSource, AutoCloseable {

  private final LayerPrefetch prefetcher;
  private final IndexedUnpacking unpacking;
  private final LayerBlob blob;
  private final NextLayerHint next;
  private final Cancellation cancellation;

  private Prefetcher<Digest, Prefetched>.@Nullable Claim claim;

  PrefetchedOrNewTar(
      LayerPrefetch prefetcher,
      IndexedUnpacking unpacking,
      LayerBlob blob,
      NextLayerHint next,
      Cancellation cancellation) {
    this.prefetcher = prefetcher;
    this.unpacking = unpacking;
    this.blob = blob;
    this.next = next;
    this.cancellation = cancellation;
  }

  @Override
  public Optional<Stored> store(LayerTarget target, boolean isDurable) throws IOException {
    claim = prefetcher.claim(blob.digest(), next, cancellation);
    unpacking.expect(claim.value().map(PrefetchedTar.class::cast));
    return unpacking.store(target, isDurable);
  }

  @Override
  public TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException {
    return unpacking.write(target, isSyncedAfterwards);
  }

  /** {@return what is known of the layer} */
  AppliedLayer result() {
    return unpacking.result();
  }

  /** Says that the layer is in use, or nobody waits for it any more. */
  @Override
  public void close() {
    if (claim != null) {
      claim.close();
    }
  }
}
