package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Closer;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.state.Snapshots;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The indexed layers of an open root: which snapshots have one, where they are mounted, how they
 * are committed and reused. Does nothing for snapshots without indexed layers.
 */
public final class Layers implements AutoCloseable {

  private final Closer closer = new Closer();
  private final IndexedLayers indexed;
  private final LayerMounts mounts;
  private final Materializer materializer;
  private final LayerRebuild rebuild;
  private final IndexedCommits commits;
  private final Optional<LayerReuse> reuse;
  private final UsageCounter usages;
  private final LayerUsers users;

  /**
   * Opens the indexed layers of a root. {@link #start} mounts those that snapshots need.
   *
   * @param isReusing whether existing layers are committed without being unpacked
   */
  public static Layers open(
      Snapshots snapshots,
      Driver driver,
      Durability durability,
      LayerStore store,
      IndexMounts indexMounts,
      boolean isReusing) {
    return new Layers(snapshots, driver, durability, store, indexMounts, isReusing);
  }

  private Layers(
      Snapshots snapshots,
      Driver driver,
      Durability durability,
      LayerStore store,
      IndexMounts indexMounts,
      boolean isReusing) {
    Root root = snapshots.root();
    this.indexed =
        new IndexedLayers(store, snapshots.store()::isJournalTrusted, snapshots.reaper()::submit);
    store.setCollector(indexed::collect);
    this.mounts = closer.add(new LayerMounts(root, indexed, indexMounts, snapshots.directories()));
    restoreReferences(snapshots);
    this.users = new LayerUsers(snapshots.store(), mounts, root.path());
    this.materializer = new Materializer(snapshots, driver, durability, indexed);
    ChainIndexBuilder indexBuilder = new ChainIndexBuilder(driver, store, mounts);
    this.rebuild = new LayerRebuild(snapshots, indexed, mounts, indexBuilder, users);
    store.setListener(rebuild);
    this.commits =
        new IndexedCommits(
            snapshots, driver, durability, indexed, mounts, materializer, indexBuilder);
    this.reuse =
        isReusing
            ? Optional.of(new LayerReuse(snapshots, driver, indexed, commits))
            : Optional.empty();
    this.usages = new UsageCounter(snapshots, driver, indexed);
  }

  /** References the layers that the active snapshots and views of an earlier daemon need. */
  private void restoreReferences(Snapshots snapshots) {
    List<SnapshotRecord> users = new ArrayList<>();
    snapshots
        .store()
        .forEach(
            snapshot -> {
              if (snapshot.kind() != Kind.COMMITTED) {
                users.add(snapshot);
              }
            });
    IndexedChains below = new IndexedChains(snapshots.chains()::parentOf);
    for (SnapshotRecord user : users) {
      mounts.restore(user.id(), below.below(user), IdMappedMounts.mapping(user.labels()));
    }
  }

  /** Mounts the layers that active snapshots and views need. Called before the first request. */
  public void start() throws ErrnoException {
    mounts.mountNeeded(indexed.ids());
    mounts.unmountOthers();
    mounts.deleteObsoleteTrees();
  }

  /** {@return which snapshots have indexed layers} */
  public IndexedLayers indexed() {
    return indexed;
  }

  public LayerMounts mounts() {
    return mounts;
  }

  public Materializer materializer() {
    return materializer;
  }

  public IndexedCommits commits() {
    return commits;
  }

  public LayerRebuild rebuild() {
    return rebuild;
  }

  public UsageCounter usages() {
    return usages;
  }

  public LayerUsers users() {
    return users;
  }

  /** {@return whether the layer of a snapshot, or of one of its parents, is indexed} */
  public boolean dependsOnIndexedLayer(Chain chain) {
    return indexed.find(chain.id()).isPresent()
        || chain.parents().stream().anyMatch(parent -> indexed.find(parent).isPresent());
  }

  /** Mounts the parents of a snapshot until the lease is closed, or transferred to a snapshot. */
  public LayerMounts.MountLease acquireMounts(Chain chain) throws ErrnoException {
    return mounts.acquire(chain.parents(), IdMappedMounts.mapping(chain.labels()));
  }

  /**
   * {@return the layer for which a snapshot is requested, if it exists and was committed instead}
   */
  public Optional<LayerReuse.Reused> reuse(
      String key, Chain prospective, @Nullable SnapshotRecord parent, Instant now) {
    return reuse.isPresent()
        ? SnapshotRef.of(key, prospective, parent)
            .flatMap(ref -> reuse.get().reuse(ref, prospective, now))
        : Optional.empty();
  }

  /** Releases the layers of a snapshot whose record was removed. */
  public void removed(long id) {
    mounts.release(id);
    indexed.remove(id);
  }

  @Override
  public void close() {
    closer.close();
  }
}
