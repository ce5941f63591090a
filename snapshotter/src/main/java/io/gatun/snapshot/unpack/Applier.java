package io.gatun.snapshot.unpack;

import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.CopyFlusher;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.indexed.LayerMounts;
import io.gatun.snapshot.indexed.Materializer;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.NameLocks;
import io.gatun.snapshot.state.SnapshotDirectories;
import io.gatun.snapshot.state.SnapshotMounts;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has layers unpacked into active snapshots: knows which snapshot is meant, keeps others away from
 * it meanwhile, makes the layer durable, and takes away what a failure leaves.
 *
 * <p>No name is claimed while a layer is written, which takes long. The snapshot is marked instead,
 * so that who wants to commit or remove it is refused at once.
 */
public final class Applier {

  private static final Logger log = LoggerFactory.getLogger(Applier.class);

  private final Disk disk;
  private final MetadataStore store;
  private final Driver driver;
  private final SnapshotDirectories directories;
  private final Chains chains;
  private final Durability durability;
  private final CopyFlusher copyFlusher;
  private final NameLocks nameLocks;
  private final ActiveSnapshots activeSnapshots;
  private final SnapshotMounts mounts;
  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;
  private final Materializer materializer;
  private final Rebase rebase;

  public Applier(
      Disk disk,
      MetadataStore store,
      Driver driver,
      SnapshotDirectories directories,
      Chains chains,
      Durability durability,
      CopyFlusher copyFlusher,
      NameLocks nameLocks,
      ActiveSnapshots activeSnapshots,
      SnapshotMounts mounts,
      IndexedLayers indexedLayers,
      LayerMounts layerMounts,
      Materializer materializer,
      Rebase rebase) {
    this.disk = disk;
    this.store = store;
    this.driver = driver;
    this.directories = directories;
    this.chains = chains;
    this.durability = durability;
    this.copyFlusher = copyFlusher;
    this.nameLocks = nameLocks;
    this.activeSnapshots = activeSnapshots;
    this.mounts = mounts;
    this.indexedLayers = indexedLayers;
    this.layerMounts = layerMounts;
    this.materializer = materializer;
    this.rebase = rebase;
  }

  /**
   * Unpacks a layer into the snapshot that has these mounts. When this returns, the layer is in it,
   * and as durable as {@code layer_sync} asks; if it fails, the snapshot is as it was before.
   *
   * @param requested what Prepare or Mounts answered for the snapshot
   * @param syncRequested whether the layer has to be durable, whatever {@code layer_sync} asks
   * @throws SnapshotException.Unsupported if these are no mounts of this root, or there is
   *     something in the snapshot already
   * @throws SnapshotException.FailedPrecondition if the snapshot is no active one, or a layer is
   *     being unpacked into it, or it could never be committed
   * @throws SnapshotException.NotFound if there is no such snapshot any more
   * @throws IOException what the writer throws, other than {@link ErrnoException}
   */
  public void apply(List<Mount> requested, boolean syncRequested, DirectorySource writer)
      throws IOException {
    apply(requested, (key, chain) -> write(key, chain, syncRequested, writer));
  }

  /**
   * As {@link #apply(List, boolean, DirectorySource)}, and takes a tree in which the layer is
   * already, if the snapshot is one to unpack a layer into: of another, somebody may use the mounts
   * that Prepare has answered, through which nothing of that tree shows.
   */
  void apply(List<Mount> requested, boolean syncRequested, PrefetchedTreeSource source)
      throws IOException {
    apply(
        requested,
        (key, chain) -> {
          boolean isPlaceable = chain.extraction() && driver.isBlank(chain);
          if (!isPlaceable || !place(key, chain, syncRequested, source)) {
            write(key, chain, syncRequested, source);
          }
        });
  }

  /**
   * As {@link #apply(List, boolean, DirectorySource)}, and keeps the layer as a tar if it can, and
   * the snapshot is one to unpack a layer into: of another, somebody may use the mounts that
   * Prepare has answered, through which nothing of a layer shows that is kept.
   */
  void apply(List<Mount> requested, boolean syncRequested, IndexedSource keeper)
      throws IOException {
    apply(
        requested,
        (key, chain) -> {
          if (chain.extraction() && driver.target(chain).deletions().isIndexable()) {
            keep(key, chain, syncRequested, keeper);
          } else {
            write(key, chain, syncRequested, keeper);
          }
        });
  }

  /** What is done with a snapshot that is ready for a layer. */
  private interface Application {
    void run(String key, Chain chain) throws IOException;
  }

  private void apply(List<Mount> requested, Application application) throws IOException {
    SnapshotRecord snapshot = recognise(requested);
    String key = snapshot.name();
    try {
      Chain chain = begin(requested, snapshot);
      makeReady(key, chain);
      application.run(key, chain);
    } catch (ErrnoException e) {
      throw StorageErrors.of("apply", key, e);
    }
  }

  /** {@return the active snapshot whose mounts these look like} */
  SnapshotRecord recognise(List<Mount> requested) {
    long id =
        mounts
            .snapshotId(requested)
            .orElseThrow(
                () ->
                    new SnapshotException.Unsupported(
                        "apply: these are no mounts of a snapshot of gatun"));
    SnapshotRecord found =
        store
            .find(id)
            .orElseThrow(
                () ->
                    new SnapshotException.NotFound(
                        "apply: the snapshot with id %d: not found".formatted(id)));
    if (found.kind() != Kind.ACTIVE) {
      throw new SnapshotException.FailedPrecondition(
          "apply %s: the snapshot is not active but %s"
              .formatted(found.name(), found.kind().filterName()));
    }
    return found;
  }

  /** Marks the snapshot. Nobody changes its record meanwhile, or can afterwards. */
  private Chain begin(List<Mount> requested, SnapshotRecord snapshot) throws ErrnoException {
    String key = snapshot.name();
    try (var _ = nameLocks.lock(List.of(key), "")) {
      SnapshotRecord current = chains.find("apply", key);
      if (current.id() != snapshot.id() || current.kind() != Kind.ACTIVE) {
        throw Chains.notFound("apply", key);
      }
      Chain chain = chains.of(current);
      if (!driver.mounts(chain).equals(requested)) {
        throw new SnapshotException.Unsupported(
            "apply %s: these are not the mounts that gatun gives for the snapshot".formatted(key));
      }
      activeSnapshots.begin(key, chain.id());
      return chain;
    }
  }

  private void makeReady(String key, Chain chain) throws ErrnoException {
    boolean isReady = false;
    try {
      requireReady(key, chain);
      isReady = true;
    } finally {
      if (isReady) {
        activeSnapshots.prepared(chain.id());
      } else {
        activeSnapshots.end(chain.id());
      }
    }
  }

  private void requireReady(String key, Chain chain) throws ErrnoException {
    layerMounts.mountLayers(chain.parents());
    Optional<LayerForm.Indexed> earlier = indexedLayers.find(chain.id());
    if (earlier.isPresent()) {
      // Whoever applies another one on top of it has to find it there.
      materializer.materialize("apply", key, chain, earlier.get());
    }
    if (activeSnapshots.isPartial(chain.id())) {
      remake(chain);
    } else if (!driver.isPristine(chain, activeSnapshots.createdAt(chain.id()))) {
      throw new SnapshotException.Unsupported(
          "apply %s: there is something in the snapshot already".formatted(key));
    }
  }

  private void keep(String key, Chain chain, boolean syncRequested, IndexedSource keeper)
      throws IOException {
    Optional<IndexedSource.Stored> layer = Optional.empty();
    boolean isRead = false;
    try {
      durability.beginApply(key, chain.id(), syncRequested);
      boolean isDurable = durability.mustSyncIndexed(syncRequested);
      layer = StorageErrors.name("apply", key, () -> keeper.store(driver.target(chain), isDurable));
      isRead = true;
    } finally {
      if (!isRead) {
        activeSnapshots.end(chain.id());
      }
    }
    if (layer.isEmpty()) {
      write(key, chain, syncRequested, keeper);
      return;
    }
    LayerForm.Indexed form = layer.get().form();
    boolean isKept = false;
    try (LayerStore.LayerRef _ = layer.get().ref()) {
      isKept = record(key, chain, layer.get(), syncRequested);
      if (!isKept) {
        write(key, chain, syncRequested, keeper);
      }
    } finally {
      if (!isKept) {
        indexedLayers.collect(form.diffId());
      }
    }
  }

  /** {@return whether nobody can have seen that the layer is not in the snapshot's directory} */
  private boolean record(String key, Chain chain, IndexedSource.Stored made, boolean syncRequested)
      throws ErrnoException {
    LayerForm.Indexed form = made.form();
    ActiveSnapshots.Layer layer;
    boolean isRecorded = false;
    try {
      List<Timespec> times = driver.changeTimes(chain);
      layer = new ActiveSnapshots.Layer(form, durability.mustSyncIndexed(syncRequested), times);
      // Whoever reads it finds a layer that is on the disk, or was seen to at the start.
      boolean isOnDiskThen = durability.mustSyncOnApply(syncRequested);
      activeSnapshots.recordIndexed(
          chain.id(), new ActiveSnapshots.Layer(form, isOnDiskThen, times));
      isRecorded = true;
    } finally {
      if (!isRecorded) {
        restore(key, chain);
      }
    }
    indexedLayers.add(chain.id(), form);
    made.overlay().ifPresent(overlay -> indexedLayers.addOverlay(chain.id(), overlay));
    if (activeSnapshots.indexed(chain.id(), layer)) {
      return true;
    }
    indexedLayers.remove(chain.id());
    return false;
  }

  /** {@return whether there was a tree that is in the place of the snapshot's directory now} */
  private boolean place(String key, Chain chain, boolean syncRequested, PrefetchedTreeSource source)
      throws IOException {
    Optional<PrefetchedTree> tree = Optional.empty();
    boolean isTaken = false;
    try {
      durability.beginApply(key, chain.id(), syncRequested);
      tree = StorageErrors.name("apply", key, () -> source.take(driver.target(chain)));
      isTaken = true;
    } finally {
      if (!isTaken) {
        activeSnapshots.end(chain.id());
      }
    }
    return tree.isPresent() && place(key, chain, syncRequested, tree.get());
  }

  /** {@return whether nobody can have seen that the layer is not in the snapshot's directory} */
  private boolean place(String key, Chain chain, boolean syncRequested, PrefetchedTree tree)
      throws ErrnoException {
    boolean isComplete = false;
    try {
      boolean isDurable = durability.mustSyncOnApply(syncRequested);
      if (isDurable && !tree.isDurable()) {
        durability.awaitFiles("apply", key, chain.id(), tree.staged().files(), tree.mark());
      }
      long mark = directories.mark();
      boolean isPlaced =
          activeSnapshots.ifNotExposed(
              chain.id(), () -> directories.exchange(chain.id(), tree.staged()));
      if (isPlaced) {
        if (isDurable) {
          directories.await(mark);
        }
        durability.requireCommittable(key, chain.id(), syncRequested);
        inherit(key, chain, tree.result(), isDurable);
      }
      isComplete = true;
      return isPlaced;
    } finally {
      if (!isComplete) {
        restore(key, chain);
      }
    }
  }

  /** Makes the tree of a layer what it is on top of others, and says that it was unpacked. */
  private void inherit(String key, Chain chain, TreeResult result, boolean isDurable)
      throws ErrnoException {
    ActiveSnapshots.Layer alone = new ActiveSnapshots.Layer(result, isDurable, List.of());
    ActiveSnapshots.Layer layer =
        chain.lowers().isEmpty()
            ? alone
            : StorageErrors.name("apply", key, () -> rebase.putOn(chain, alone));
    activeSnapshots.unpacked(chain.id(), layer.withChangeTimes(driver.changeTimes(chain)));
  }

  private void write(String key, Chain chain, boolean syncRequested, DirectorySource writer)
      throws IOException {
    boolean isComplete = false;
    try {
      activeSnapshots.markUnpacking(chain.id());
      long mark = durability.beginApply(key, chain.id(), syncRequested);
      boolean isDurable = durability.mustSyncOnApply(syncRequested);
      LayerTarget target = driver.target(chain);
      TreeResult result = StorageErrors.name("apply", key, () -> writer.write(target, isDurable));
      // Before the sync, so that it shows if somebody else writes meanwhile.
      ActiveSnapshots.Layer layer =
          new ActiveSnapshots.Layer(result, isDurable, driver.changeTimes(chain));
      durability.awaitApply(key, chain.id(), target.files(), mark, syncRequested);
      activeSnapshots.unpacked(chain.id(), layer);
      isComplete = true;
    } finally {
      if (!isComplete) {
        restore(key, chain);
      }
    }
  }

  /** Takes away what has been written; the failure that was the reason is thrown on. */
  private void restore(String key, Chain chain) {
    activeSnapshots.markPartial(chain.id());
    try {
      remake(chain);
    } catch (ErrnoException e) {
      log.warn(
          "what was unpacked of a layer cannot be taken away now, the next attempt tries again key=\"{}\" id={}"
              + " error=\"{}\"",
          key,
          chain.id(),
          e.getMessage());
    } finally {
      activeSnapshots.end(chain.id());
    }
  }

  private void remake(Chain chain) throws ErrnoException {
    try {
      directories.<ErrnoException>remake(
          chain.id(), (directory, _) -> driver.create(directory, chain));
    } catch (ErrnoException e) {
      if (!StorageErrors.isExhaustion(e.errno())) {
        throw e;
      }
      // The layer itself may be what takes the room that a new directory needs.
      empty(chain);
      directories.<ErrnoException>remake(
          chain.id(), (directory, _) -> driver.create(directory, chain));
    }
    boolean isUnsettled = driver.isUnsynced(chain.id());
    activeSnapshots.created(chain.id(), driver.createdAt(chain.id()));
    if (isUnsettled) {
      copyFlusher.submit(chain.id());
    }
  }

  private void empty(Chain chain) throws ErrnoException {
    try (Fd files =
        Fcntl.open(driver.target(chain).files(), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      for (DirectoryEntry entry : new DirectoryReader().all(files)) {
        TreeDeletion.delete(disk, files, entry.name());
      }
    }
  }
}
