package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.filter.Filters;
import io.gatun.snapshot.indexed.IndexedCommits;
import io.gatun.snapshot.indexed.LayerReuse;
import io.gatun.snapshot.indexed.Layers;
import io.gatun.snapshot.maintenance.BackgroundSync;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.NameLocks;
import io.gatun.snapshot.state.Names;
import io.gatun.snapshot.state.Snapshots;
import io.gatun.snapshot.unpack.Rebase;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The snapshotter: checks a request against the metadata store, calls the driver and the disk, and
 * records the outcome.
 *
 * <p>The order of steps decides what a crash leaves behind. The directory of a snapshot is durable
 * before its record, and is deleted after it. A record without a directory is therefore always
 * damage, and a directory without a record is garbage.
 */
final class Engine implements Snapshotter {

  private static final String LABELS_PATH = "labels";
  private static final String LABEL_PATH_PREFIX = "labels.";

  private final Snapshots snapshots;
  private final MetadataStore store;
  private final NameLocks nameLocks;
  private final Chains chains;
  private final ActiveSnapshots activeSnapshots;
  private final Layers layers;
  private final Driver driver;
  private final Durability durability;
  private final Rebase rebase;
  private final BackgroundSync backgroundSync;
  private final InstantSource clock;

  Engine(
      Snapshots snapshots,
      Layers layers,
      Driver driver,
      Durability durability,
      Rebase rebase,
      BackgroundSync backgroundSync,
      InstantSource clock) {
    this.snapshots = snapshots;
    this.store = snapshots.store();
    this.nameLocks = snapshots.nameLocks();
    this.chains = snapshots.chains();
    this.activeSnapshots = snapshots.active();
    this.layers = layers;
    this.driver = driver;
    this.durability = durability;
    this.rebase = rebase;
    this.backgroundSync = backgroundSync;
    this.clock = clock;
  }

  @Override
  public List<Mount> prepare(String key, String parent, Map<String, String> labels) {
    return create("prepare", Kind.ACTIVE, key, parent, labels);
  }

  @Override
  public List<Mount> view(String key, String parent, Map<String, String> labels) {
    return create("view", Kind.VIEW, key, parent, labels);
  }

  private List<Mount> create(
      String operation, Kind kind, String key, String parent, Map<String, String> labels) {
    Names.check(operation, "key", key);
    Names.checkParent(operation, parent);
    Map<String, String> given = Names.checkLabels(operation, labels);
    try (var _ = nameLocks.lock(List.of(key), parent)) {
      SnapshotRecord parentRecord = parent.isEmpty() ? null : findParent(operation, key, parent);
      store.requireUnused(key);
      Instant now = clock.instant();
      Chain planned = chains.prospective(kind, key, given, parentRecord);
      Optional<LayerReuse.Reused> reused = layers.reuse(key, planned, parentRecord, now);
      if (reused.isPresent()) {
        if (reused.get().isNew()) {
          syncLater(reused.get().diffId());
        }
        throw new SnapshotException.AlreadyExists(
            "%s %s: the layer is there, in a committed snapshot".formatted(operation, key));
      }
      try (var needed = layers.acquireMounts(planned);
          var task = snapshots.newDirectory(operation, key, planned)) {
        long id = task.id();
        Chain chain = planned.withId(id);
        SnapshotRecord created =
            new SnapshotRecord(
                id,
                kind,
                key,
                parent,
                parentRecord == null ? SnapshotRecord.NO_PARENT : parentRecord.id(),
                given,
                now,
                now,
                null,
                new LayerForm.Directory());
        List<Mount> mounts = driver.mounts(chain);
        Snapshots.Fresh fresh = snapshots.fresh(id);
        StorageErrors.change(operation, key, () -> store.put(created));
        task.recorded();
        needed.transferTo(id);
        snapshots.created(fresh);
        return mounts;
      }
    } catch (ErrnoException e) {
      throw StorageErrors.of(operation, key, e);
    }
  }

  private SnapshotRecord findParent(String operation, String key, String parent) {
    SnapshotRecord found =
        store
            .find(parent)
            .orElseThrow(
                () ->
                    new SnapshotException.NotFound(
                        "%s %s: parent snapshot %s: not found".formatted(operation, key, parent)));
    if (found.kind() != Kind.COMMITTED) {
      throw new SnapshotException.InvalidArgument(
          "%s %s: parent snapshot %s is not committed but %s"
              .formatted(operation, key, parent, found.kind().filterName()));
    }
    return found;
  }

  @Override
  public Optional<List<Mount>> tryMountsWithoutIo(String key) {
    SnapshotRecord found = findMountable(key);
    Chain chain = chains.of(found);
    return driver.mountsNeedNoIo(chain) && !layers.dependsOnIndexedLayer(chain)
        ? Optional.of(mounts(found, chain))
        : Optional.empty();
  }

  private SnapshotRecord findMountable(String key) {
    Names.check("mounts", "key", key);
    SnapshotRecord found = chains.find("mounts", key);
    if (found.kind() == Kind.COMMITTED) {
      throw new SnapshotException.FailedPrecondition(
          "mounts %s: the snapshot is committed and has no mounts of its own; make a view of it"
              .formatted(key));
    }
    return found;
  }

  @Override
  public List<Mount> mounts(String key) {
    SnapshotRecord found = findMountable(key);
    return mounts(found, chains.of(found));
  }

  private List<Mount> mounts(SnapshotRecord found, Chain chain) {
    try {
      layers.mounts().mountLayers(chain.parents());
      if (found.kind() == Kind.ACTIVE) {
        activeSnapshots.markExposed(found.id());
        layers.materializer().materialize(found, chain);
      }
      return currentMounts(found, chain);
    } catch (ErrnoException e) {
      throw snapshots.failure("mounts", found.id(), found.name(), e);
    }
  }

  /**
   * {@return the mounts of a snapshot} If the driver has to mount its layers with other owners, the
   * lock on the name keeps the snapshot from being removed meanwhile.
   */
  private List<Mount> currentMounts(SnapshotRecord found, Chain chain) throws ErrnoException {
    if (!chain.hasIndexedLower() || !chain.isMappingAsked()) {
      return driver.mounts(chain);
    }
    try (var _ = nameLocks.lock(List.of(found.name()), "")) {
      var _ = chains.requireSame("mounts", found);
      return driver.mounts(chain);
    }
  }

  @Override
  public void commit(String name, String key, String parent, Map<String, String> labels) {
    Names.check("commit", "name", name);
    Names.check("commit", "key", key);
    Names.checkParent("commit", parent);
    Map<String, String> given = Names.checkLabels("commit", labels);
    try (var _ = nameLocks.lock(List.of(name, key), parent)) {
      store.requireUnused(name);
      SnapshotRecord active = chains.find("commit", key);
      if (active.kind() != Kind.ACTIVE) {
        throw new SnapshotException.FailedPrecondition(
            "commit %s as %s: the snapshot is not active but %s"
                .formatted(key, name, active.kind().filterName()));
      }
      activeSnapshots.requireComplete(key, active.id());
      SnapshotRecord newParent = parentForCommit(active, name, parent);
      Instant now = clock.instant();
      SnapshotRecord committed =
          new SnapshotRecord(
              active.id(),
              Kind.COMMITTED,
              name,
              newParent == null ? "" : newParent.name(),
              newParent == null ? SnapshotRecord.NO_PARENT : newParent.id(),
              given,
              now,
              now,
              null,
              active.form());
      Optional<IndexedCommits.Sealed> layer = layers.commits().seal(active, newParent);
      if (layer.isPresent()) {
        commitIndexed(committed, layer.get());
      } else {
        commitTree(active, committed, chains.of(active, newParent));
      }
      layers.mounts().release(active.id());
      activeSnapshots.committed(active.id());
    } catch (ErrnoException e) {
      throw StorageErrors.of("commit", key, e);
    }
  }

  private void commitIndexed(SnapshotRecord committed, IndexedCommits.Sealed layer) {
    try (layer) {
      SnapshotRecord indexed = committed.withForm(layer.form());
      StorageErrors.change("commit", committed.name(), () -> store.put(indexed));
      layer.committed();
    }
    syncLater(layer.form().diffId());
  }

  /** Syncs an indexed layer in the background, if its commit did not wait for the sync. */
  private void syncLater(Digest diffId) {
    if (!durability.mustSyncIndexed(false)) {
      backgroundSync.submit(diffId);
    }
  }

  private void commitTree(SnapshotRecord active, SnapshotRecord committed, Chain chain)
      throws ErrnoException {
    String key = active.name();
    Optional<ActiveSnapshots.Layer> layer;
    // A rebase chooses parents that may not be mounted yet.
    try (var _ = layers.acquireMounts(chain)) {
      layer = seal(active, chain);
    }
    if (layer.isPresent() && layer.get().isDurable()) {
      durability.requireTrusted(key, chain.id());
    } else if (durability.isAskedOfCommit() && !driver.isEmpty(chain)) {
      durability.awaitCommit(key, chain.id(), driver.target(chain).files());
    }
    SnapshotRecord counted =
        layer.map(known -> committed.withUsage(known.result().usage())).orElse(committed);
    StorageErrors.change("commit", key, () -> store.put(counted));
  }

  /**
   * Brings a snapshot into its committed form.
   *
   * @return the state of its layer, if nothing has changed since the unpack
   */
  private Optional<ActiveSnapshots.Layer> seal(SnapshotRecord active, Chain chain)
      throws ErrnoException {
    Optional<ActiveSnapshots.Layer> layer = known(chain);
    if (active.parentId() == SnapshotRecord.NO_PARENT && chain.extraction()) {
      Optional<ActiveSnapshots.Layer> unpacked = layer;
      layer =
          StorageErrors.name(
              "commit",
              active.name(),
              () -> rebase.putOn(active.name(), chain, active.created(), unpacked));
    }
    boolean mayHaveMarks = layer.isEmpty() || layer.get().result().hasMarks();
    boolean isChanged = driver.seal(chain, mayHaveMarks);
    return isChanged ? Optional.empty() : layer;
  }

  private Optional<ActiveSnapshots.Layer> known(Chain chain) throws ErrnoException {
    Optional<ActiveSnapshots.Layer> layer = activeSnapshots.find(chain.id());
    return layer.isPresent() && layer.get().changeTimes().equals(driver.changeTimes(chain))
        ? layer
        : Optional.empty();
  }

  /**
   * {@return the parent of the committed snapshot, which a rebase may choose; {@code null} for
   * none}
   */
  private @Nullable SnapshotRecord parentForCommit(
      SnapshotRecord active, String name, String requested) {
    if (requested.isEmpty() || requested.equals(active.parent())) {
      return chains.parentOf(active);
    }
    if (!active.parent().isEmpty()) {
      throw new SnapshotException.InvalidArgument(
          "commit %s as %s: the parent is %s and cannot become %s"
              .formatted(active.name(), name, active.parent(), requested));
    }
    SnapshotRecord found =
        store
            .find(requested)
            .orElseThrow(
                () ->
                    new SnapshotException.NotFound(
                        "commit %s as %s: parent snapshot %s: not found"
                            .formatted(active.name(), name, requested)));
    if (found.kind() != Kind.COMMITTED) {
      throw new SnapshotException.FailedPrecondition(
          "commit %s as %s: parent snapshot %s is not committed but %s"
              .formatted(active.name(), name, requested, found.kind().filterName()));
    }
    Optional<String> obstacle = driver.obstacleToRebase(chains.of(active, null));
    if (obstacle.isPresent()) {
      // The layer would be damaged, and the damage would stay hidden until a container starts.
      throw new SnapshotException.Unsupported(
          "commit %s as %s: cannot put the snapshot on the parent %s: %s"
              .formatted(active.name(), name, requested, obstacle.get()));
    }
    return found;
  }

  @Override
  public void remove(String key) {
    Names.check("remove", "key", key);
    try (var _ = nameLocks.lockForRemoval(key)) {
      SnapshotRecord found = store.find(key).orElseThrow(() -> Chains.notFound("remove", key));
      activeSnapshots.requireRemovable(key, found.id());
      int children = store.children(found.id());
      if (children > 0) {
        throw new SnapshotException.FailedPrecondition(
            "cannot remove snapshot %s: it has %d child%s"
                .formatted(key, children, children == 1 ? "" : "ren"));
      }
      StorageErrors.change("remove", key, () -> store.remove(found.id()));
      activeSnapshots.removed(found.id());
      layers.removed(found.id());
      snapshots.reaper().submit(found.id());
    } catch (SnapshotException.ResourceExhausted e) {
      // On any error but FailedPrecondition, containerd aborts its whole garbage collection, which
      // would make room.
      throw new SnapshotException.FailedPrecondition(
          "cannot remove snapshot %s now: %s".formatted(key, e.getMessage()));
    }
  }

  @Override
  public SnapshotInfo stat(String key) {
    Names.check("stat", "key", key);
    return info(chains.find("stat", key));
  }

  @Override
  public SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths) {
    Names.check("update", "name", name);
    Map<String, String> given = Names.checkLabels("update", labels);
    try (var _ = nameLocks.lock(List.of(name), "")) {
      SnapshotRecord found = chains.find("update", name);
      SnapshotRecord updated =
          found.withLabels(mask(name, found.labels(), given, fieldPaths), clock.instant());
      StorageErrors.change("update", name, () -> store.put(updated));
      return info(updated);
    }
  }

  private static Map<String, String> mask(
      String name,
      Map<String, String> present,
      Map<String, String> given,
      List<String> fieldPaths) {
    if (fieldPaths.isEmpty()) {
      return given;
    }
    Map<String, String> result = new HashMap<>(present);
    for (String path : fieldPaths) {
      if (path.equals(LABELS_PATH)) {
        result = new HashMap<>(given);
      } else if (path.startsWith(LABEL_PATH_PREFIX)) {
        String label = path.substring(LABEL_PATH_PREFIX.length());
        String value = given.get(label);
        if (value == null) {
          result.remove(label);
        } else {
          result.put(label, value);
        }
      } else {
        throw new SnapshotException.InvalidArgument(
            "update %s: field %s cannot be changed, only labels can".formatted(name, path));
      }
    }
    return result;
  }

  @Override
  public void list(List<String> filters, Consumer<SnapshotInfo> visitor) {
    Predicate<SnapshotInfo> matches = Filters.parse(filters);
    store.forEach(
        record -> {
          SnapshotInfo info = info(record);
          if (matches.test(info)) {
            visitor.accept(info);
          }
        });
  }

  @Override
  public Usage usage(String key) {
    Names.check("usage", "key", key);
    SnapshotRecord found = chains.find("usage", key);
    try {
      return layers.usages().of(found, chains.of(found));
    } catch (ErrnoException e) {
      throw snapshots.failure("usage", found.id(), found.name(), e);
    }
  }

  @Override
  public void cleanup() {
    try {
      snapshots.deleteUnrecorded();
      layers.indexed().deleteUnreferenced();
    } catch (ErrnoException e) {
      throw StorageErrors.of("cleanup", "", e);
    }
    snapshots.reaper().awaitIdle();
  }

  private SnapshotInfo info(SnapshotRecord record) {
    SnapshotInfo info = record.info();
    Map<String, String> added = driver.labels(record.id());
    if (added.isEmpty()) {
      return info;
    }
    Map<String, String> labels = new HashMap<>(info.labels());
    labels.putAll(added);
    return new SnapshotInfo(
        info.kind(), info.name(), info.parent(), labels, info.created(), info.updated());
  }
}
