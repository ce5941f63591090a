package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.indexed.IndexedCommits;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.indexed.LayerMounts;
import io.gatun.snapshot.indexed.LayerReuse;
import io.gatun.snapshot.indexed.Materializer;
import io.gatun.snapshot.indexed.SnapshotRef;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.NameLocks;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What requests have to do for snapshots whose layers are kept, and for those on top of them. For
 * all others, there is nothing to be done here.
 */
final class IndexedSnapshots {

  private final Driver driver;
  private final Chains chains;
  private final NameLocks nameLocks;
  private final ActiveSnapshots activeSnapshots;
  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;
  private final IndexedCommits commits;
  private final Optional<LayerReuse> reuse;
  private final Materializer materializer;

  /**
   * @param reuse commits layers that need not be unpacked, if there may be such
   */
  IndexedSnapshots(
      Driver driver,
      Chains chains,
      NameLocks nameLocks,
      ActiveSnapshots activeSnapshots,
      IndexedLayers indexedLayers,
      LayerMounts layerMounts,
      IndexedCommits commits,
      Optional<LayerReuse> reuse,
      Materializer materializer) {
    this.driver = driver;
    this.chains = chains;
    this.nameLocks = nameLocks;
    this.activeSnapshots = activeSnapshots;
    this.indexedLayers = indexedLayers;
    this.layerMounts = layerMounts;
    this.commits = commits;
    this.reuse = reuse;
    this.materializer = materializer;
  }

  /** {@return whether the layer of a snapshot, or of one of its parents, is kept} */
  boolean dependsOnIndexedLayer(Chain chain) {
    return indexedLayers.find(chain.id()).isPresent()
        || chain.parents().stream().anyMatch(parent -> indexedLayers.find(parent).isPresent());
  }

  /** Has the parents of a snapshot to be seen, from now on until what it returns is closed. */
  LayerMounts.MountLease acquireMounts(Chain chain) throws ErrnoException {
    return layerMounts.acquire(chain.parents(), IdMappedMounts.mapping(chain.labels()));
  }

  /**
   * {@return whether there is a committed snapshot with the layer that a snapshot is to be made
   * for, be it from now on, see {@link LayerReuse#reuse}}
   */
  boolean reuse(String key, Chain planned, @Nullable SnapshotRecord parent, Instant now) {
    return reuse.isPresent()
        && SnapshotRef.of(key, planned, parent)
            .filter(ref -> reuse.get().reuse(ref, planned, now))
            .isPresent();
  }

  /**
   * Brings an active snapshot whose layer is kept into the form in which it is committed, see
   * {@link IndexedCommits#seal}.
   */
  Optional<IndexedCommits.Sealed> seal(SnapshotRecord active, @Nullable SnapshotRecord parent)
      throws ErrnoException {
    return commits.seal(active, parent);
  }

  /** Says that a snapshot needs nothing below it any more. */
  void release(long id) {
    layerMounts.release(id);
  }

  /** Says that a snapshot is to be removed. */
  void forget(String name) {
    reuse.ifPresent(commits -> commits.cancel(name));
  }

  /** Says that a snapshot has no record any more. */
  void removed(long id) {
    layerMounts.release(id);
    indexedLayers.remove(id);
  }

  /** Takes away what nobody needs of any layer. */
  void deleteUnreferenced() throws ErrnoException {
    indexedLayers.deleteUnreferenced();
  }

  // Mounts.

  /** Has the parents of a snapshot to be seen that is about to be mounted. */
  void exposeMounts(Chain chain) throws ErrnoException {
    layerMounts.mountLayers(chain.parents());
  }

  /**
   * Puts the files of an active snapshot's layer, if that is kept, where whoever has the mounts
   * sees them. That takes as long as it takes to unpack the layer, and the snapshot is marked
   * meanwhile as one into which a layer is being unpacked; who wants the same waits, and others are
   * refused.
   */
  void materialize(SnapshotRecord active, Chain chain) throws ErrnoException {
    while (indexedLayers.find(active.id()).isPresent() && !tryMaterialize(active, chain)) {
      activeSnapshots.awaitPreparation(active.id());
    }
  }

  /** {@return whether there is nothing to be done any more; otherwise somebody else is at it} */
  private boolean tryMaterialize(SnapshotRecord active, Chain chain) throws ErrnoException {
    long id = active.id();
    try (var _ = nameLocks.lock(List.of(active.name()), "")) {
      requireSame(active);
      if (activeSnapshots.isUnpacking(id)) {
        // A layer that is being applied is written there, as somebody wants to see it.
        return !activeSnapshots.isPreparing(id);
      }
      activeSnapshots.begin(active.name(), id);
    }
    try {
      Optional<LayerForm.Indexed> form = indexedLayers.find(id);
      if (form.isPresent()) {
        materializer.materialize("mounts", active.name(), chain, form.get());
      }
    } finally {
      activeSnapshots.end(id);
    }
    return true;
  }

  private void requireSame(SnapshotRecord found) {
    SnapshotRecord current = chains.find("mounts", found.name());
    if (current.id() != found.id() || current.kind() != found.kind()) {
      throw Chains.notFound("mounts", found.name());
    }
  }

  /**
   * {@return the mounts of a snapshot} If layers have to be shown with other owners for that, the
   * snapshot is not removed meanwhile, and they not with it.
   */
  List<Mount> mounts(SnapshotRecord snapshot, Chain chain) throws ErrnoException {
    if (!chain.hasIndexedLower() || !chain.isMappingAsked()) {
      return driver.mounts(chain);
    }
    try (var _ = nameLocks.lock(List.of(snapshot.name()), "")) {
      requireSame(snapshot);
      return driver.mounts(chain);
    }
  }
}
