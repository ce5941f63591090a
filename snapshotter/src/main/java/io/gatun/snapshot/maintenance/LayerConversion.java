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
import io.gatun.snapshot.indexed.LayerMounts;
import io.gatun.snapshot.indexed.Layers;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.StoredTar;
import io.gatun.snapshot.mount.IndexProbeResult;
import io.gatun.snapshot.root.Root;
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
 * Converts layers of committed snapshots from one form to the other, unless an active snapshot or a
 * view uses them.
 *
 * <p>Conversion writes the new form beside the old one and syncs it, whatever {@code layer_sync}
 * says. Then it locks the name and the layer, and changes the record:
 *
 * <pre>
 *   to an index:      tar and index durable -> record -> tree to trash/
 *   to a directory:   tree durable -> in the place of the snapshot's directory, durably -> record
 *                     -> tar and index deleted
 * </pre>
 *
 * <p>A crash in between leaves a tar without a record, which the next start deletes, or a tree in
 * the directory of an indexed layer. The mount of the layer covers that tree, and the unmount
 * deletes it.
 *
 * <p>A container that exists uses its layers even if it is stopped: containerd may mount them at
 * any time, without a request.
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

  private final Snapshots snapshots;
  private final Layers layers;
  private final LayerStore stored;
  private final Driver driver;
  private final Durability durability;
  private final IndexedWriter writer;
  private final Probe probe;
  private boolean isProbed;

  public LayerConversion(
      Snapshots snapshots,
      Layers layers,
      Driver driver,
      Durability durability,
      IndexedWriter writer,
      Probe probe) {
    this.snapshots = snapshots;
    this.layers = layers;
    this.stored = layers.indexed().store();
    this.driver = driver;
    this.durability = durability;
    this.writer = writer;
    this.probe = probe;
  }

  @Override
  public Estimate estimate(String name, Optional<Digest> diffId) {
    SnapshotRecord found = find(name);
    List<String> users = layers.users().of(found.id());
    try {
      long available = Statfs.fstatfs(snapshots.root().directory()).availableBytes();
      return switch (found.form()) {
        case LayerForm.Directory _ -> {
          // First, because this call fails if the directory is missing.
          long needed = indexBytes(found, diffId);
          yield new Estimate(false, isEmpty(found.id()), users, needed, available);
        }
        case LayerForm.Indexed form -> new Estimate(true, false, users, treeBytes(form), available);
      };
    } catch (ErrnoException e) {
      throw snapshots.failure(OPERATION, found.id(), name, e);
    } catch (IOException e) {
      throw UnpackingFailures.ofIndexed(OPERATION, name, e);
    }
  }

  private long indexBytes(SnapshotRecord found, Optional<Digest> diffId) throws ErrnoException {
    Usage tree = layers.usages().of(found, snapshots.chains().of(found));
    long index = tree.inodes() * INDEX_ENTRY_BYTES;
    return diffId.isPresent() && isStored(diffId.get())
        ? index
        : index + tree.sizeBytes() + tree.inodes() * TAR_ENTRY_BYTES;
  }

  private boolean isStored(Digest diffId) throws ErrnoException {
    Optional<LayerStore.LayerRef> ref = stored.tryAcquire(diffId);
    ref.ifPresent(LayerStore.LayerRef::close);
    return ref.isPresent();
  }

  private long treeBytes(LayerForm.Indexed form) throws IOException {
    AtomicLong entries = new AtomicLong();
    try (StoredTar tar = stored.openTar(form.diffId())) {
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
      requireUnused(found);
      index(found, blob, cancellation);
    } catch (ErrnoException e) {
      throw StorageErrors.of(OPERATION, name, e);
    } catch (IOException e) {
      throw UnpackingFailures.meaning(OPERATION + " " + name, blob, e);
    }
  }

  private void requireIndexes(SnapshotRecord found) throws ErrnoException {
    if (driver.name() != DriverName.OVERLAY) {
      throw unsupported(found, "the driver %s copies files".formatted(driver.name().configName()));
    }
    if (isProbed) {
      return;
    }
    try (SnapshotDirectories.Staged place = snapshots.directories().stage(found.id())) {
      isProbed =
          switch (probe.run(place.name())) {
            case IndexProbeResult.Works _ -> true;
            case IndexProbeResult.Unprotected unprotected ->
                throw unsupported(found, unprotected.reason());
            case IndexProbeResult.Fails fails -> throw unsupported(found, fails.reason());
            case IndexProbeResult.NoRoom full ->
                throw refused(found, "there is no room: " + full.reason());
          };
    }
  }

  private void requireUnused(SnapshotRecord found) {
    if (layers.mounts().isUsed(found.id())) {
      throw inUse(found);
    }
  }

  private SnapshotException inUse(SnapshotRecord found) {
    return refused(
        found, "the layer is in use by " + String.join(", ", layers.users().of(found.id())));
  }

  private static SnapshotException unsupported(SnapshotRecord found, String reason) {
    return new SnapshotException.Unsupported(
        "%s %s: %s".formatted(OPERATION, found.name(), reason));
  }

  private static SnapshotException refused(SnapshotRecord found, String reason) {
    return new SnapshotException.FailedPrecondition(
        "%s %s: %s".formatted(OPERATION, found.name(), reason));
  }

  private void index(SnapshotRecord found, LayerBlob blob, Cancellation cancellation)
      throws IOException {
    long id = found.id();
    Chain chain = snapshots.chains().of(found);
    LayerTarget target = driver.target(chain);
    if (!target.deletions().isIndexable()) {
      throw unsupported(found, "an index has no deletions in user.overlay");
    }
    Digest chainId = chainId(found, found.name());
    Optional<Digest> below =
        found.parent().isEmpty() ? Optional.empty() : Optional.of(chainId(found, found.parent()));
    if (isEmpty(id)) {
      throw refused(found, "there are no files in the layer");
    }
    try (var _ = layers.mounts().acquire(chain.parents());
        IndexedUnpacking unpacking = new IndexedUnpacking(stored, writer, blob, cancellation)) {
      IndexedUnpacking.Stored made =
          unpacking
              .store(target, true)
              .orElseThrow(() -> unsupported(found, "an index cannot express the layer"));
      LayerForm.Indexed form = made.form();
      try (LayerStore.LayerRef ref = made.ref()) {
        layers.rebuild().tarReplaced(ref.diffId(), made.wasDamaged());
        if (!ChainId.of(below, ref.diffId()).equals(chainId)) {
          throw new SnapshotException.InvalidArgument(
              "%s %s: the blob %s is another layer, with the diff id %s"
                  .formatted(OPERATION, found.name(), blob.digest(), ref.diffId()));
        }
        cancellation.check();
        convert(
            found,
            () -> {
              record(found, form);
              layers.indexed().add(id, form);
            });
      } finally {
        // After a failure, no record names these files.
        layers.indexed().collect(form.diffId());
      }
      log.info("layer converted id={} form=indexed diff_id={}", id, form.diffId());
    }
  }

  /**
   * Empty layers are not converted. They would gain nothing, and after a crash an empty {@code fs}
   * could not be told from the leftover of a commit.
   */
  private boolean isEmpty(long id) throws ErrnoException {
    Root root = snapshots.root();
    LinuxPath files = Root.snapshotName(id).resolve(Root.FILES);
    try (Fd top = root.openDirectory(root.snapshots(), files)) {
      return new DirectoryReader().next(top).isEmpty();
    }
  }

  private static Digest chainId(SnapshotRecord found, String name) {
    return ChainId.in(name)
        .orElseThrow(
            () ->
                refused(
                    found,
                    "the name %s is no chain id, so nothing says which layer it is"
                        .formatted(name)));
  }

  @Override
  public synchronized void layOut(String name, Cancellation cancellation) {
    SnapshotRecord found = find(name);
    try {
      if (found.form() instanceof LayerForm.Indexed form) {
        requireUnused(found);
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
    Chain chain = snapshots.chains().of(found);
    SnapshotDirectories directories = snapshots.directories();
    long mark = durability.mark();
    try (var _ = layers.mounts().acquire(chain.parents());
        SnapshotDirectories.Staged staged = directories.stage(id)) {
      driver.create(staged.directory(), chain);
      layers.materializer().write(form, staged.files(), driver.target(chain), true, cancellation);
      durability.awaitFiles(OPERATION, found.name(), id, staged.files(), mark);
      snapshots.root().disk().sync(staged.directory());
      cancellation.check();
      convert(
          found,
          () -> {
            long placed = directories.mark();
            directories.exchange(id, staged);
            directories.await(placed);
            record(found, new LayerForm.Directory());
            layers.indexed().remove(id);
            // Last: the tree is complete, even if the tar was found damaged meanwhile.
            directories.healed(id);
          });
    }
    log.info("layer converted id={} form=directory diff_id={}", id, form.diffId());
  }

  /** Runs a change of the form while the name is locked and the layer is not used. */
  private void convert(SnapshotRecord found, LayerMounts.FormChange change) throws ErrnoException {
    try (var _ = snapshots.nameLocks().lock(List.of(found.name()), "")) {
      var _ = snapshots.chains().requireSame(OPERATION, found);
      if (!layers.mounts().convert(found.id(), change)) {
        throw inUse(found);
      }
    }
  }

  /** Records the form of a layer; the labels of its snapshot may have changed meanwhile. */
  private void record(SnapshotRecord found, LayerForm form) {
    SnapshotRecord current = snapshots.chains().requireSame(OPERATION, found);
    StorageErrors.change(
        OPERATION, found.name(), () -> snapshots.store().put(current.withForm(form)));
  }

  private SnapshotRecord find(String name) {
    Names.check(OPERATION, "name", name);
    SnapshotRecord found = snapshots.chains().find(OPERATION, name);
    if (found.kind() != Kind.COMMITTED) {
      throw refused(found, "the snapshot is not committed but " + found.kind().filterName());
    }
    return found;
  }
}
