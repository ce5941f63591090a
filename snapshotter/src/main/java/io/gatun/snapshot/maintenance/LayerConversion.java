package io.gatun.snapshot.maintenance;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Statfs;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.indexed.LayerMounts;
import io.gatun.snapshot.indexed.LayerRebuild;
import io.gatun.snapshot.indexed.Layers;
import io.gatun.snapshot.indexed.MountRestoration;
import io.gatun.snapshot.indexed.ObsoleteTrees;
import io.gatun.snapshot.indexed.UsageCounter;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.StoredTar;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.mount.IndexProbeResult;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.NameLocks;
import io.gatun.snapshot.state.Names;
import io.gatun.snapshot.state.SnapshotDirectories;
import io.gatun.snapshot.state.Snapshots;
import io.gatun.snapshot.state.UnpackingFailures;
import io.gatun.snapshot.unpack.IndexedUnpacking;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Converts layers of committed snapshots from one form to the other.
 *
 * <p>Conversion writes the new form beside the old one and syncs it before the record names it,
 * whatever {@code layer_sync} says. Then it locks the name, changes the record, and switches the
 * layer's path to the new form. The path leads to the layer's files at any time, and a crash never
 * leaves a record without its files:
 *
 * <pre>
 *   to an index:      tar and index durable -> record -> index mounted -> tree out of the way, beneath
 *                     the mount, see {@link ObsoleteTrees}
 *   to a directory:   tree durable -> tree in its place beneath the mount, durably -> record ->
 *                     index unmounted
 * </pre>
 *
 * <p>A crash in between leaves a tar without a record, a tree beneath an indexed layer, or a mount
 * on a directory layer. The next start removes the tar and the mount; the first mount of the layer
 * moves the tree away.
 *
 * <p>A mounted overlay keeps the form that it was mounted with: an index exists as long as it is
 * mounted anywhere.
 */
public final class LayerConversion implements LayerConverter {

  private static final Logger log = LoggerFactory.getLogger(LayerConversion.class);

  private static final String OPERATION = "convert";

  /** The tar header of an entry, and those of its extended attributes. */
  private static final long TAR_ENTRY_BYTES = 1_536;

  private static final long INDEX_ENTRY_BYTES = 128;

  /** A file or a directory takes at least one block. */
  private static final long TREE_ENTRY_BYTES = 4_096;

  /** Detects whether indexes work in this root. */
  @FunctionalInterface
  public interface Probe {
    /**
     * @param place the name of an empty directory in {@code trash/}
     */
    IndexProbeResult run(LinuxPath place) throws ErrnoException;
  }

  private final Disk disk;
  private final Root root;
  private final UsageCounter usages;
  private final MountRestoration restoration;
  private final MetadataStore store;
  private final Driver driver;
  private final Chains chains;
  private final NameLocks nameLocks;
  private final SnapshotDirectories directories;
  private final Durability durability;
  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;
  private final LayerRebuild rebuild;
  private final ObsoleteTrees obsoleteTrees;
  private final IndexedWriter indexing;
  private final Probe probe;
  private boolean isTried;

  public LayerConversion(
      Snapshots snapshots,
      Layers layers,
      Driver driver,
      Durability durability,
      IndexedWriter indexing,
      Probe probe) {
    this.root = snapshots.root();
    this.disk = root.disk();
    this.store = snapshots.store();
    this.chains = snapshots.chains();
    this.nameLocks = snapshots.nameLocks();
    this.directories = snapshots.directories();
    this.usages = layers.usages();
    this.restoration = layers.restoration();
    this.indexedLayers = layers.indexed();
    this.layers = indexedLayers.store();
    this.layerMounts = layers.mounts();
    this.rebuild = layers.rebuild();
    this.obsoleteTrees = layers.obsoleteTrees();
    this.driver = driver;
    this.durability = durability;
    this.indexing = indexing;
    this.probe = probe;
  }

  @Override
  public Estimate estimate(String name, Optional<Digest> diffId) {
    SnapshotRecord found = find(name);
    try {
      long available = Statfs.fstatfs(root.directory()).availableBytes();
      return switch (found.form()) {
        case LayerForm.Directory _ -> {
          // First, because this call fails if the directory is missing.
          long needed = indexBytes(found, diffId);
          yield new Estimate(false, isEmpty(found.id()), needed, available);
        }
        case LayerForm.Indexed form -> new Estimate(true, false, treeBytes(form), available);
      };
    } catch (ErrnoException e) {
      throw StorageErrors.of(OPERATION, name, e);
    } catch (IOException e) {
      throw UnpackingFailures.ofIndexed(OPERATION, name, e);
    }
  }

  private long indexBytes(SnapshotRecord found, Optional<Digest> diffId) throws ErrnoException {
    Usage tree = usage(found);
    long index = tree.inodes() * INDEX_ENTRY_BYTES;
    return diffId.isPresent() && isStored(diffId.get())
        ? index
        : index + tree.sizeBytes() + tree.inodes() * TAR_ENTRY_BYTES;
  }

  private Usage usage(SnapshotRecord found) throws ErrnoException {
    try {
      return usages.of(found, chains.of(found));
    } catch (ErrnoException e) {
      if (store.find(found.id()).isEmpty()) {
        throw Chains.notFound(OPERATION, found.name());
      }
      throw e;
    }
  }

  private boolean isStored(Digest diffId) throws ErrnoException {
    Optional<LayerStore.LayerRef> ref = layers.tryAcquire(diffId);
    ref.ifPresent(LayerStore.LayerRef::close);
    return ref.isPresent();
  }

  private long treeBytes(LayerForm.Indexed form) throws IOException {
    AtomicLong entries = new AtomicLong();
    try (StoredTar tar = layers.openTar(form.diffId())) {
      tar.readHeaders((_, _) -> entries.incrementAndGet(), new Cancellation());
      return tar.sizeBytes() + entries.get() * TREE_ENTRY_BYTES;
    }
  }

  @Override
  public synchronized void index(String name, LayerBlob blob, Cancellation cancellation) {
    SnapshotRecord found = find(name);
    if (found.form() instanceof LayerForm.Indexed) {
      return;
    }
    try {
      requireIndexes(found);
      restoration.acquireAll();
      index(found, blob, cancellation);
    } catch (ErrnoException e) {
      throw StorageErrors.of(OPERATION, name, e);
    } catch (IOException e) {
      throw UnpackingFailures.meaning(OPERATION + " " + name, blob, e);
    }
  }

  private void requireIndexes(SnapshotRecord found) throws ErrnoException {
    String name = found.name();
    if (driver.name() != DriverName.OVERLAY) {
      throw unsupported(name, "the driver %s copies files".formatted(driver.name().configName()));
    }
    if (isTried) {
      return;
    }
    try (SnapshotDirectories.Staged place = directories.stage(found.id())) {
      isTried =
          switch (probe.run(place.name())) {
            case IndexProbeResult.Works _ -> true;
            case IndexProbeResult.Unprotected unprotected ->
                throw unsupported(name, unprotected.reason());
            case IndexProbeResult.Fails fails -> throw unsupported(name, fails.reason());
            case IndexProbeResult.NoRoom full ->
                throw new SnapshotException.FailedPrecondition(
                    "%s %s: there is no room: %s".formatted(OPERATION, name, full.reason()));
          };
    }
  }

  private static SnapshotException unsupported(String name, String reason) {
    return new SnapshotException.Unsupported("%s %s: %s".formatted(OPERATION, name, reason));
  }

  private void index(SnapshotRecord found, LayerBlob blob, Cancellation cancellation)
      throws IOException {
    Chain chain = chains.of(found);
    LayerTarget target = driver.target(chain);
    if (!target.deletions().isIndexable()) {
      throw unsupported(found.name(), "an index has no deletions in user.overlay");
    }
    Digest chainId = chainId(found.name());
    Optional<Digest> below =
        found.parent().isEmpty() ? Optional.empty() : Optional.of(chainId(found.parent()));
    if (isEmpty(found.id())) {
      throw new SnapshotException.FailedPrecondition(
          "%s %s: there are no files in the layer".formatted(OPERATION, found.name()));
    }
    try (var _ = layerMounts.acquire(chain.parents());
        IndexedUnpacking unpacking = new IndexedUnpacking(layers, indexing, blob, cancellation)) {
      IndexedUnpacking.Stored made =
          unpacking
              .store(target, true)
              .orElseThrow(() -> unsupported(found.name(), "an index cannot express the layer"));
      try (LayerStore.LayerRef ref = made.ref()) {
        rebuild.tarReplaced(ref.diffId(), made.wasDamaged());
        if (!ChainId.of(below, ref.diffId()).equals(chainId)) {
          throw new SnapshotException.InvalidArgument(
              "%s %s: the blob %s is another layer, with the diff id %s"
                  .formatted(OPERATION, found.name(), blob.digest(), ref.diffId()));
        }
        cancellation.check();
        record(found, made.form());
      } finally {
        // After a failure, no record names these files.
        indexedLayers.collect(made.form().diffId());
      }
    }
  }

  /**
   * Empty layers are not converted. They would gain nothing, and after a crash an empty {@code fs}
   * could not be told from the leftover of a commit.
   */
  private boolean isEmpty(long id) throws ErrnoException {
    LinuxPath files = Root.snapshotName(id).resolve(Root.FILES);
    try (Fd top = root.openDirectory(root.snapshots(), files)) {
      return new DirectoryReader().next(top).isEmpty();
    }
  }

  private static Digest chainId(String name) {
    return ChainId.in(name)
        .orElseThrow(
            () ->
                new SnapshotException.FailedPrecondition(
                    "%s: the name %s is no chain id, so nothing says which layer it is"
                        .formatted(OPERATION, name)));
  }

  private void record(SnapshotRecord found, LayerForm.Indexed form) {
    long id = found.id();
    try (var _ = nameLocks.lock(List.of(found.name()), "")) {
      SnapshotRecord current = requireSame(found);
      change(current.withForm(form));
      indexedLayers.add(id, form);
      layerMounts.replaceTree(id);
    } catch (ErrnoException e) {
      // The tree is still in its place, and visible until the layer can be mounted.
      log.warn("cannot mount converted layer now id={} error=\"{}\"", id, e.getMessage());
    }
    log.info("layer converted id={} form=indexed diff_id={}", id, form.diffId());
  }

  @Override
  public synchronized void layOut(String name, Cancellation cancellation) {
    SnapshotRecord found = find(name);
    try {
      if (found.form() instanceof LayerForm.Indexed form) {
        layOut(found, form, cancellation);
      }
    } catch (ErrnoException e) {
      throw StorageErrors.of(OPERATION, name, e);
    } catch (IOException e) {
      throw UnpackingFailures.ofIndexed(OPERATION, name, e);
    }
  }

  private void layOut(SnapshotRecord found, LayerForm.Indexed form, Cancellation cancellation)
      throws IOException {
    long id = found.id();
    Chain chain = chains.of(found);
    long mark = durability.mark();
    try (var _ = layerMounts.acquire(chain.parents());
        SnapshotDirectories.Staged staged = directories.stage(id)) {
      driver.create(staged.directory(), chain);
      LinuxPath files = staged.path().resolve(Root.FILES);
      write(form, files, driver.target(chain), cancellation);
      durability.awaitFiles(OPERATION, found.name(), id, files, mark);
      cancellation.check();
      try (var _ = nameLocks.lock(List.of(found.name()), "")) {
        SnapshotRecord current = requireSame(found);
        layerMounts.replaceMount(
            id,
            () -> {
              obsoleteTrees.place(id, staged.name());
              change(current.withForm(new LayerForm.Directory()));
              indexedLayers.remove(id);
              // Last: the tree is complete, even if the tar was found damaged meanwhile.
              directories.healed(id);
            });
      }
    }
    log.info("layer converted id={} form=directory diff_id={}", id, form.diffId());
  }

  private void write(
      LayerForm.Indexed form, LinuxPath files, LayerTarget target, Cancellation cancellation)
      throws IOException {
    LayerTarget there = new LayerTarget(files, target.deletions(), target.lowers());
    try (TreeWriter writer = TreeWriter.open(disk, there, true)) {
      layers.read(form.diffId(), writer, cancellation);
      writer.finish();
    } catch (InvalidLayerException e) {
      throw new SnapshotException.StorageFailure(
          "%s: the tar of layer %s is damaged, see `gatun fsck --content`: %s"
              .formatted(OPERATION, form.diffId(), e.getMessage()),
          e);
    }
  }

  private SnapshotRecord find(String name) {
    Names.check(OPERATION, "name", name);
    SnapshotRecord found = chains.find(OPERATION, name);
    if (found.kind() != Kind.COMMITTED) {
      throw new SnapshotException.FailedPrecondition(
          "%s %s: the snapshot is not committed but %s"
              .formatted(OPERATION, name, found.kind().filterName()));
    }
    return found;
  }

  /** {@return the current record of a snapshot, whose labels may have changed meanwhile} */
  private SnapshotRecord requireSame(SnapshotRecord found) {
    SnapshotRecord current = chains.find(OPERATION, found.name());
    if (current.id() != found.id()) {
      throw Chains.notFound(OPERATION, found.name());
    }
    return current;
  }

  private void change(SnapshotRecord record) {
    StorageErrors.change(OPERATION, record.name(), () -> store.put(record));
  }
}
