package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.KeyedLock;
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
 * Commits layers that exist already, so that containerd need not fetch and unpack them again.
 *
 * <p>This is containerd's protocol for snapshotters that have layers of their own (metadata
 * snapshot.go, createSnapshot; the same from 1.7 to 2.4). Before containerd fetches a layer, it
 * requests an active snapshot to unpack the layer into, with the chain id in a label. The answer
 * "already exists" means that there is a committed snapshot with that label on that parent;
 * containerd finds it in a list, and gives it the name of the layer.
 *
 * <pre>
 *   index in this chain durable -> directory durable -> record, committed -> "already exists"
 * </pre>
 *
 * <p>The name of the snapshot is the requested key, which is unique. With {@code rebase},
 * containerd names no parent in the request, and the chain would be lost
 * (github.com/containerd/containerd/issues/13264). This class must not be used then.
 */
public final class LayerReuse {

  private static final Logger log = LoggerFactory.getLogger(LayerReuse.class);

  private static final String OPERATION = "prepare";

  private final Snapshots snapshots;
  private final Driver driver;
  private final ReusableLayers reusableLayers;
  private final IndexedCommits commits;

  /** By chain id, so that a second request finds the snapshot of the first. */
  private final KeyedLock<Digest> turns = new KeyedLock<>();

  /**
   * A layer that containerd finds in a committed snapshot.
   *
   * @param isNew whether the snapshot was committed for this request
   */
  public record Reused(Digest diffId, boolean isNew) {}

  LayerReuse(
      Snapshots snapshots, Driver driver, IndexedLayers indexedLayers, IndexedCommits commits) {
    this.snapshots = snapshots;
    this.driver = driver;
    this.reusableLayers =
        new ReusableLayers(
            snapshots.store(), snapshots.directories(), indexedLayers.store(), indexedLayers);
    this.commits = commits;
  }

  /**
   * Commits the requested layer, if it exists and the namespace may have it. After any failure, the
   * layer can still be unpacked.
   *
   * @param planned the requested snapshot, whose key and parent the caller has locked
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
    // First, so that a sync that fails from now on counts against this snapshot.
    try (SnapshotDirectories.PendingDirectory task = snapshots.anyDirectory(OPERATION, key);
        IndexedCommits.Sealed layer = commits.reuse(key, planned.withId(task.id()), diffId)) {
      SnapshotRecord committed = ref.committed(task.id(), layer.form(), now);
      StorageErrors.change(OPERATION, key, () -> snapshots.store().put(committed));
      task.recorded();
      layer.committed();
      return new Reused(diffId, true);
    }
  }
}
