package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Closer;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.mount.MountUsers;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.state.Snapshots;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The indexed layers of an open root: which snapshots have one, where they are mounted, how they
 * are committed and reused. Does nothing for snapshots without indexed layers.
 */
public final class Layers implements AutoCloseable {

  private final Closer closer = new Closer();
  private final IndexedLayers indexed;
  private final ObsoleteTrees obsoleteTrees;
  private final LayerMounts mounts;
  private final Materializer materializer;
  private final LayerRebuild rebuild;
  private final IndexedCommits commits;
  private final Optional<LayerReuse> reuse;
  private final UsageCounter usages;
  private final MountRestoration restoration;

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
    this.obsoleteTrees =
        closer.add(
            new ObsoleteTrees(
                root.disk(),
                root,
                () -> MountUsers.find(root.path()),
                snapshots.reaper()::submit,
                System::nanoTime));
    this.mounts =
        closer.add(
            new LayerMounts(root, indexed, indexMounts, snapshots.directories(), obsoleteTrees));
    this.materializer = new Materializer(snapshots, driver, durability, indexed);
    TarReplacementMounts replacedTars = new TarReplacementMounts(indexed, mounts);
    store.setListener(replacedTars);
    ChainIndexBuilder indexBuilder = new ChainIndexBuilder(driver, store, mounts);
    this.rebuild =
        new LayerRebuild(
            snapshots,
            indexed,
            mounts,
            replacedTars,
            indexBuilder,
            new RunningContainers(snapshots.store(), snapshots.chains(), root.path()));
    this.commits =
        new IndexedCommits(
            snapshots, driver, durability, indexed, mounts, materializer, indexBuilder);
    this.reuse =
        isReusing
            ? Optional.of(new LayerReuse(snapshots, driver, indexed, commits))
            : Optional.empty();
    this.usages = new UsageCounter(snapshots, driver, indexed);
    this.restoration = new MountRestoration(snapshots, indexed, mounts);
  }

  /** Mounts the layers that active snapshots and views need. Called before the first request. */
  public void start() throws ErrnoException {
    restoration.restoreAll();
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

  public MountRestoration restoration() {
    return restoration;
  }

  public ObsoleteTrees obsoleteTrees() {
    return obsoleteTrees;
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
