package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.concurrent.Prefetcher;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A layer that somebody asks for, which may have been made ahead. */
final class PrefetchedOrNewTree implements PrefetchedTreeSource, AutoCloseable {

  private final Disk disk;
  private final LayerPrefetch prefetcher;
  private final DirectoryUnpacking unpacking;
  private final LayerBlob blob;
  private final NextLayerHint next;
  private final Cancellation cancellation;

  private Prefetcher<Digest, Prefetched>.@Nullable Claim claim;
  private @Nullable PrefetchedTree taken;

  /**
   * @param unpacking writes the layer, if nobody has
   */
  PrefetchedOrNewTree(
      Disk disk,
      LayerPrefetch prefetcher,
      DirectoryUnpacking unpacking,
      LayerBlob blob,
      NextLayerHint next,
      Cancellation cancellation) {
    this.disk = disk;
    this.prefetcher = prefetcher;
    this.unpacking = unpacking;
    this.blob = blob;
    this.next = next;
    this.cancellation = cancellation;
  }

  @Override
  public Optional<PrefetchedTree> take(LayerTarget place) throws IOException {
    claim = prefetcher.claim(blob.digest(), next, cancellation);
    Optional<PrefetchedTree> tree =
        claim.value().map(PrefetchedTree.class::cast).filter(PrefetchedTree::take);
    taken = tree.orElse(null);
    return tree.isPresent() && tree.get().isFor(disk, place) ? tree : Optional.empty();
  }

  @Override
  public TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException {
    if (taken != null) {
      // At once, since what is written now needs the room.
      taken.release();
      taken = null;
    }
    return unpacking.write(target, isSyncedAfterwards);
  }

  /** {@return what is known of the layer} */
  AppliedLayer result() {
    return taken == null ? unpacking.result() : taken.layer();
  }

  /** Says that the layer is in its place, or nobody waits for it any more. */
  @Override
  public void close() {
    if (claim != null) {
      claim.close();
    }
  }
}
