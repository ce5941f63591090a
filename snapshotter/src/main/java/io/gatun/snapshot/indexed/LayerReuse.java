package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.KeyedLock;
import io.gatun.snapshot.concurrent.Prefetcher;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.state.SnapshotDirectories;
import io.gatun.snapshot.state.Snapshots;
import java.io.IOException;
import java.time.Instant;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Commits layers that are there already, instead of having them fetched and unpacked once more.
 *
 * <p>That is containerd's protocol for snapshotters that have layers of their own (metadata
 * snapshot.go, createSnapshot; the same from 1.7 to 2.4): before it fetches a layer, it asks for an
 * active snapshot to unpack it into, with the chain id in a label. Who answers that this exists
 * already says that there is a committed snapshot with that label on that parent; containerd looks
 * for it by a list, and gives it the name that the layer has.
 *
 * <pre>
 *   index in this chain durable -> directory durable -> record, committed -> "already exists"
 * </pre>
 *
 * <p>The snapshot goes by the key that was asked for, which is unique. With {@code rebase}, where
 * containerd names no parent when it asks, the chain would be lost
 * (github.com/containerd/containerd/issues/13264), so there this is not to be used.
 */
public final class LayerReuse {

  private static final Logger log = LoggerFactory.getLogger(LayerReuse.class);

  private static final String OPERATION = "prepare";

  private final Snapshots snapshots;
  private final Driver driver;
  private final ReusableLayers reusableLayers;
  private final IndexedCommits commits;
  private final IndexedLayers indexedLayers;
  private final IndexPrefetch prefetch;

  /** By chain id, so that who comes second finds the snapshot of who came first. */
  private final KeyedLock<Digest> turns = new KeyedLock<>();

  /**
   * A layer that containerd finds in a committed snapshot.
   *
   * @param isNew whether the snapshot was committed for this request
   */
  public record Reused(Digest diffId, boolean isNew) {}

  LayerReuse(
      Snapshots snapshots,
      Driver driver,
      IndexedLayers indexedLayers,
      IndexedCommits commits,
      IndexPrefetch prefetch) {
    this.snapshots = snapshots;
    this.driver = driver;
    this.reusableLayers =
        new ReusableLayers(
            snapshots.store(), snapshots.directories(), indexedLayers.store(), indexedLayers);
    this.commits = commits;
    this.indexedLayers = indexedLayers;
    this.prefetch = prefetch;
  }

  /**
   * Commits a layer that is wanted, if it is there and may be had. Whatever keeps it from that, the
   * layer can be unpacked.
   *
   * @param planned the snapshot that was asked for, whose key and parent are claimed
   * @return the layer, if containerd finds a committed snapshot with it
   */
  Optional<Reused> reuse(SnapshotRef ref, Chain planned, Instant now) {
    Optional<Digest> diffId = reusableLayers.find(ref);
    if (diffId.isEmpty() || !isUsable(planned)) {
      return Optional.empty();
    }
    Digest found = diffId.get();
    try (var _ = turns.hold(ref.chainId())) {
      Optional<Reused> reused =
          switch (reusableLayers.look(ref, found)) {
            case ABSENT -> Optional.of(commit(ref, found, planned, now));
            case MATCHES -> Optional.of(new Reused(found, false));
            case CONFLICTS -> Optional.empty();
          };
      log.debug(
          "layer is there key=\"{}\" diff_id={} unpacked={}", ref.key(), found, reused.isEmpty());
      return reused;
    } catch (IOException | SnapshotException e) {
      log.debug(
          "layer is there, and unpacked all the same key=\"{}\" diff_id={} error=\"{}\"",
          ref.key(),
          found,
          e.getMessage());
      return Optional.empty();
    }
  }

  /** {@return whether an index can be the layer of a snapshot} */
  private boolean isUsable(Chain planned) {
    return !planned.isMappingAsked() && driver.target(planned).deletions().isIndexable();
  }

  private Reused commit(SnapshotRef ref, Digest diffId, Chain planned, Instant now)
      throws IOException {
    String key = ref.key();
    SnapshotRecord parent = ref.parent();
    // First, as a sync that fails from now on concerns the snapshot.
    try (SnapshotDirectories.PendingDirectory task = snapshots.anyDirectory(OPERATION, key);
        Prefetcher<IndexPrefetch.Place, Digest>.Claim made = prefetch.claim(parent, diffId);
        IndexedCommits.Sealed layer =
            commits.reuse(key, planned.withId(task.id()), parent, diffId, made.value())) {
      SnapshotRecord committed = ref.committed(task.id(), layer.form(), now);
      StorageErrors.change(OPERATION, key, () -> snapshots.store().put(committed));
      task.recorded();
      layer.committed();
      // In the image that the layer was a part of before, this is what followed.
      indexedLayers.above(diffId).ifPresent(next -> prefetch.begin(committed, next));
      return new Reused(diffId, true);
    }
  }

  /** Sees to it that nothing is made any more for a place on a snapshot that is to be removed. */
  void cancel(String name) {
    prefetch.cancel(name);
  }
}
