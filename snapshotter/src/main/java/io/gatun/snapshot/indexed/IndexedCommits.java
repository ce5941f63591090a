package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
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

/** Brings active snapshots whose layers are kept into the form in which they are committed. */
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

  /** An indexed layer that is about to be committed; it stays where it is until this is closed. */
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

    /** Says that it was recorded. */
    public void committed() {
      indexedLayers.add(id, form);
      indexedLayers.stacked(below, form.diffId());
      try {
        layerMounts.clear(id);
      } catch (ErrnoException e) {
        // It has to be done before the layer is mounted, and is tried again then.
        log.warn(
            "cannot empty the directory of a committed snapshot now id={} error=\"{}\"",
            id,
            e.getMessage());
      }
    }

    @Override
    public void close() {
      ref.close();
      // One of the two indexes, if there were two, is not needed any more.
      indexedLayers.collect(form.diffId());
    }
  }

  /**
   * {@return the indexed layer of an active snapshot, under the index that its parents ask for, and
   * as durable as the configuration asks; nothing if the snapshot's directory has the layer, if
   * need be from now on}
   *
   * @param parent which it is committed on
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
        // What was needed as long as it was in use, if that is no longer so.
        indexedLayers.collect(ref.diffId());
      }
    }
  }

  /**
   * {@return an indexed layer that other snapshots have, under the index that it has in a chain,
   * and as durable as the configuration asks}
   *
   * @param chain whose first snapshot is to be committed with the layer, and has no record yet
   * @param parent in this chain, if any
   * @param made the index, if that was made before; a sync that has failed since may have lost it
   * @throws IOException if the layer cannot be had in this chain, or not be read or written
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

  /** What somebody has written there beside the layer would be lost. */
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
      // Of what a failed sync has lost, an index may have been made as well.
      durability.requireTrusted(active.name(), active.id());
    }
    return indexed;
  }

  private static long idOf(@Nullable SnapshotRecord parent) {
    return parent == null ? SnapshotRecord.NO_PARENT : parent.id();
  }

  /** For a layer that was applied without a parent, and is put on one now. */
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

  /** {@return whether there is nothing in the layers below that a layer inherits} */
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
   * {@return whether the tops of the layers below belong to root, as that of a layer without any
   * below does} The top of an indexed layer has the owner of the one below it, so that none has to
   * be mounted to be asked.
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
