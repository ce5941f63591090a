package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.erofs.NotIndexableException;
import io.gatun.snapshot.layer.lower.LowerTreeAttributes;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.Snapshots;
import io.gatun.snapshot.state.UnpackingFailures;
import java.io.IOException;
import java.util.Iterator;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Prepares indexed layers for the commit of their snapshots. */
public final class IndexedCommits {

  private static final Logger log = LoggerFactory.getLogger(IndexedCommits.class);

  private final Snapshots snapshots;
  private final Driver driver;
  private final Durability durability;
  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;
  private final Materializer materializer;
  private final ChainIndexBuilder indexBuilder;

  IndexedCommits(
      Snapshots snapshots,
      Driver driver,
      Durability durability,
      IndexedLayers indexedLayers,
      LayerMounts layerMounts,
      Materializer materializer,
      ChainIndexBuilder indexBuilder) {
    this.snapshots = snapshots;
    this.driver = driver;
    this.durability = durability;
    this.layers = indexedLayers.store();
    this.indexedLayers = indexedLayers;
    this.layerMounts = layerMounts;
    this.materializer = materializer;
    this.indexBuilder = indexBuilder;
  }

  /** An indexed layer that is about to be committed. It stays in the store until this is closed. */
  public final class Sealed implements AutoCloseable {
    private final long id;
    private final long below;
    private final LayerStore.LayerRef ref;
    private final LayerForm.Indexed form;

    private Sealed(long id, long below, LayerStore.LayerRef ref, LayerForm.Indexed form) {
      this.id = id;
      this.below = below;
      this.ref = ref;
      this.form = form;
    }

    /** {@return the form to record} */
    public LayerForm.Indexed form() {
      return form;
    }

    /** Registers the layer after the commit was recorded. */
    public void committed() {
      indexedLayers.add(id, form);
      indexedLayers.stacked(below, form.diffId());
      try {
        layerMounts.clear(id);
      } catch (ErrnoException e) {
        // The directory has to be empty before the layer is mounted, and the mount tries again.
        log.warn(
            "cannot empty the directory of a committed snapshot now id={} error=\"{}\"",
            id,
            e.getMessage());
      }
    }

    @Override
    public void close() {
      ref.close();
      // If there were two indexes, one of them is not needed any more.
      indexedLayers.collect(form.diffId());
    }
  }

  /**
   * Gives the indexed layer of an active snapshot the index that fits its parents, and syncs it as
   * the configuration asks. If an index cannot represent the layer on this parent, writes the
   * layer's files to the snapshot's directory.
   *
   * @return the layer; nothing if the layer is in the snapshot's directory
   * @param parent the parent of the committed snapshot, if it has one
   * @throws SnapshotException.FailedPrecondition if it can never be committed
   */
  public Optional<Sealed> seal(SnapshotRecord active, @Nullable SnapshotRecord parent)
      throws ErrnoException {
    Optional<LayerForm.Indexed> form = indexedLayers.find(active.id());
    if (form.isEmpty()) {
      return Optional.empty();
    }
    Chain own = snapshots.chains().of(active);
    layerMounts.mountLayers(own.parents());
    requireUnchanged(active, own);
    LayerStore.LayerRef ref = use(active, form.get());
    boolean isHandedOn = false;
    try {
      LayerForm.Indexed indexed = index(active, parent, ref, form.get());
      isHandedOn = true;
      return Optional.of(new Sealed(active.id(), idOf(parent), ref, indexed));
    } catch (NotIndexableException e) {
      materializer.materialize("commit", active.name(), own, form.get());
      return Optional.empty();
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw UnpackingFailures.ofIndexed("commit", active.name(), e);
    } finally {
      if (!isHandedOn) {
        ref.close();
        // Deletes the files that only this reference has kept.
        indexedLayers.collect(ref.diffId());
      }
    }
  }

  /**
   * {@return an indexed layer of other snapshots, with its index for a chain, as durable as the
   * configuration asks}
   *
   * @param chain the snapshot to be committed with the layer, which has no record yet, and its
   *     parents
   * @param parent the parent in this chain, if there is one
   * @param made the prefetched index, if there is one; a sync that failed since may have damaged it
   * @throws IOException if the layer cannot be indexed for this chain, or cannot be read or written
   */
  Sealed reuse(
      String key,
      Chain chain,
      @Nullable SnapshotRecord parent,
      Digest diffId,
      Optional<Digest> made)
      throws IOException {
    boolean isHandedOn = false;
    LayerStore.LayerRef ref = layers.acquire(diffId);
    try {
      boolean isDurable = durability.mustSyncIndexed(false);
      boolean isMade = made.isPresent() && layers.isVerified(diffId, made.get());
      Digest index = isMade ? made.get() : indexBuilder.buildFor(chain, ref, isDurable);
      if (isDurable) {
        layers.sync(diffId);
      }
      if (durability.mustSyncOnApply(false)) {
        durability.requireTrusted(key, chain.id());
      }
      isHandedOn = true;
      return new Sealed(chain.id(), idOf(parent), ref, new LayerForm.Indexed(diffId, index));
    } finally {
      if (!isHandedOn) {
        ref.close();
        indexedLayers.collect(diffId);
      }
    }
  }

  /** Files that a client has written beside the layer would be lost. */
  private void requireUnchanged(SnapshotRecord active, Chain own) throws ErrnoException {
    if (!driver.isEmpty(own)) {
      throw new SnapshotException.FailedPrecondition(
          ("commit %s: something was written to the snapshot (id %d) that did not ask for its mounts after a layer"
                  + " was applied to it: remove it, and unpack the layer again")
              .formatted(active.name(), active.id()));
    }
  }

  private LayerStore.LayerRef use(SnapshotRecord active, LayerForm.Indexed form)
      throws ErrnoException {
    return layers
        .tryAcquire(form.diffId())
        .orElseThrow(
            () ->
                new SnapshotException.FailedPrecondition(
                    "commit %s: the tar of its layer %s is missing: remove it, and unpack the layer again"
                        .formatted(active.name(), form.diffId())));
  }

  private LayerForm.Indexed index(
      SnapshotRecord active,
      @Nullable SnapshotRecord parent,
      LayerStore.LayerRef ref,
      LayerForm.Indexed form)
      throws IOException {
    boolean wasDurable =
        snapshots
            .active()
            .findIndexed(active.id())
            .map(ActiveSnapshots.Layer::isDurable)
            .orElse(false);
    boolean isDurable = durability.mustSyncIndexed(wasDurable);
    LayerForm.Indexed indexed =
        idOf(parent) == active.parentId()
            ? form
            : StorageErrors.name(
                "commit", active.name(), () -> onParent(active, parent, ref, isDurable));
    if (isDurable && !wasDurable) {
      layers.sync(form.diffId());
    }
    if (durability.mustSyncOnApply(wasDurable)) {
      // The index may have been built from data that a failed sync has since lost.
      durability.requireTrusted(active.name(), active.id());
    }
    return indexed;
  }

  private static long idOf(@Nullable SnapshotRecord parent) {
    return parent == null ? SnapshotRecord.NO_PARENT : parent.id();
  }

  /** {@return the form of a layer that was applied without a parent and is now put on one} */
  private LayerForm.Indexed onParent(
      SnapshotRecord active,
      @Nullable SnapshotRecord parent,
      LayerStore.LayerRef ref,
      boolean isDurable)
      throws IOException {
    Chain chain = snapshots.chains().of(active, parent);
    Optional<OverlayTemplate> made = indexedLayers.findOverlay(active.id());
    return made.isPresent() && matches(made.get(), chain)
        ? new LayerForm.Indexed(ref.diffId(), made.get().index())
        : new LayerForm.Indexed(ref.diffId(), indexBuilder.buildFor(chain, ref, isDurable));
  }

  /**
   * {@return whether the layer inherits nothing from the layers below, so that its template fits}
   */
  private boolean matches(OverlayTemplate made, Chain chain) throws ErrnoException {
    if (!isOfRoot(chain)) {
      return false;
    }
    if (made.implicit().isEmpty()) {
      return true;
    }
    try (var _ = layerMounts.acquire(chain.parents())) {
      LowerTreeAttributes below = new LowerTreeAttributes(driver.target(chain).lowers());
      for (LinuxPath each : made.implicit()) {
        if (below.of(each).isPresent()) {
          return false;
        }
      }
    }
    return true;
  }

  /**
   * {@return whether the top directories of the layers below belong to root, like the top of a
   * layer without a parent} The top of an indexed layer has the owner of the top below it, so no
   * layer has to be mounted for this check.
   */
  private boolean isOfRoot(Chain chain) throws ErrnoException {
    Iterator<LinuxPath> tops = driver.target(chain).lowers().iterator();
    for (Lower lower : chain.lowers()) {
      LinuxPath top = tops.next();
      if (!lower.isIndexed()) {
        FileStatus status = Stat.statx(Fd.CURRENT_DIRECTORY, top);
        InheritedAttributes alone = InheritedAttributes.ofTop();
        return status.uid() == alone.uid() && status.gid() == alone.gid();
      }
    }
    return true;
  }
}
