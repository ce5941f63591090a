package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.indexed.LayerRebuild;
import io.gatun.snapshot.indexed.OverlayTemplate;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.LayerIndex;
import io.gatun.snapshot.layer.erofs.NotIndexableException;
import io.gatun.snapshot.layer.extract.LowerTreeAttributes;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.layer.tar.InheritedAttributes;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerIngest;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.LayerStoreException;
import io.gatun.snapshot.layerstore.StoredTar;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One layer on its way into the store of layers; or into a tree, of the tar that has been stored by
 * then.
 */
public final class IndexedUnpacking implements IndexedSource, AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(IndexedUnpacking.class);

  private final Disk disk;
  private final LayerStore layers;
  private final LayerRebuild rebuild;
  private final IndexedWriter indexing;
  private final DirectoryUnpacking tree;
  private final LayerBlob blob;
  private final Cancellation cancellation;

  private Optional<PrefetchedTar> prefetched = Optional.empty();
  private @Nullable LayerIngest ingest;
  private @Nullable AppliedLayer result;

  /** Whether the tar is in the store, and no longer in the draft. */
  private boolean isStored;

  /**
   * @param tree the same layer on its way into a tree, should nothing of it be stored
   */
  public IndexedUnpacking(
      Disk disk,
      LayerStore layers,
      LayerRebuild rebuild,
      IndexedWriter indexing,
      DirectoryUnpacking tree,
      LayerBlob blob,
      Cancellation cancellation) {
    this.disk = disk;
    this.layers = layers;
    this.rebuild = rebuild;
    this.indexing = indexing;
    this.tree = tree;
    this.blob = blob;
    this.cancellation = cancellation;
  }

  /** Says that the layer may be there already, and with it what its index can be made of. */
  void expect(Optional<PrefetchedTar> layer) {
    prefetched = layer;
  }

  @Override
  public Optional<Stored> store(LayerTarget target, boolean isDurable) throws IOException {
    LowerTreeAttributes below = new LowerTreeAttributes(target.lowers());
    IndexForm form = target.lowers().isEmpty() ? IndexForm.BASE : IndexForm.OVERLAY;
    Optional<LayerStore.LayerRef> present = findPresent();
    Optional<Stored> kept =
        present.isPresent()
            ? indexOrRenew(present.get(), form, below, isDurable)
            : read(form, below, isDurable);
    kept.ifPresent(each -> keepingUse(each, () -> rebuild.rebuildReplaced(each.ref().diffId())));
    return mayBeRebased(target) ? kept.map(each -> withOverlay(each, isDurable)) : kept;
  }

  /** Gives up a layer for which something cannot be done. */
  private static void keepingUse(Stored layer, Runnable action) {
    boolean isDone = false;
    try {
      action.run();
      isDone = true;
    } finally {
      if (!isDone) {
        layer.ref().close();
      }
    }
  }

  /** As a base, it would have nothing to delete. */
  private static boolean mayBeRebased(LayerTarget target) {
    return target.lowers().isEmpty() && target.deletions() == DeletionForm.OVERLAY;
  }

  /** What cannot be made now is made when the parents are known, if need be. */
  private Stored withOverlay(Stored kept, boolean isDurable) {
    ImplicitPaths implicit = new ImplicitPaths();
    try {
      LayerIndex index =
          layers.reindex(
              kept.ref(),
              IndexForm.OVERLAY,
              InheritedAttributes.ofTop(),
              implicit,
              isDurable,
              new Cancellation());
      Optional<OverlayTemplate> overlay =
          implicit.all().map(paths -> new OverlayTemplate(index.digest(), paths));
      return new Stored(kept.form(), overlay, kept.ref());
    } catch (IOException e) {
      log.info(
          "layer has no index yet for its parent diff_id={} error=\"{}\"",
          kept.ref().diffId(),
          e.getMessage());
      return kept;
    }
  }

  /** {@return the layer, if an apply before this one has found that the blob is it} */
  private Optional<LayerStore.LayerRef> findPresent() throws ErrnoException {
    Optional<Digest> diffId = layers.diffIdOf(blob.digest());
    return diffId.isEmpty() ? Optional.empty() : layers.tryAcquire(diffId.get());
  }

  private Optional<Stored> indexOrRenew(
      LayerStore.LayerRef ref, IndexForm form, LowerTreeAttributes below, boolean isDurable)
      throws IOException {
    try {
      return index(ref, form, below, isDurable);
    } catch (InvalidLayerException e) {
      return renew(ref.diffId(), e, form, below, isDurable);
    } catch (LayerStoreException e) {
      if (e.isDamage()) {
        return renew(ref.diffId(), e, form, below, isDurable);
      }
      throw e;
    }
  }

  /** Makes a tar anew that is damaged, as the blob is at hand. */
  private Optional<Stored> renew(
      Digest diffId,
      IOException damage,
      IndexForm form,
      LowerTreeAttributes below,
      boolean isDurable)
      throws IOException {
    log.error(
        "the tar of a layer is damaged, and made anew diff_id={} error=\"{}\"",
        diffId,
        damage.getMessage());
    layers.distrust(diffId);
    Optional<Stored> made = read(form, below, isDurable);
    made.ifPresent(each -> keepingUse(each, () -> rebuild.rebuild(diffId)));
    return made;
  }

  /** Makes an index of a layer that is there, of which nothing is decompressed. */
  private Optional<Stored> index(
      LayerStore.LayerRef ref, IndexForm form, LowerTreeAttributes below, boolean isDurable)
      throws IOException {
    boolean isHandedOn = false;
    try (StoredTar tar = layers.openTar(ref.diffId())) {
      LayerIndex index = indexOf(ref, form, below, isDurable);
      if (isDurable) {
        layers.sync(ref.diffId());
      }
      result = new AppliedLayer(ref.diffId(), tar.sizeBytes(), index.inodes(), 0, 0);
      isStored = true;
      isHandedOn = true;
      return Optional.of(
          new Stored(new LayerForm.Indexed(ref.diffId(), index.digest()), Optional.empty(), ref));
    } catch (NotIndexableException e) {
      // Written from the blob, as the layer may go now.
      return Optional.empty();
    } finally {
      if (!isHandedOn) {
        ref.close();
      }
    }
  }

  private LayerIndex indexOf(
      LayerStore.LayerRef ref, IndexForm form, LowerTreeAttributes below, boolean isDurable)
      throws IOException {
    InheritedAttributes top = below.ofTop();
    if (prefetched.isPresent() && prefetched.get().use().diffId().equals(ref.diffId())) {
      Optional<LayerIndex> made = prefetchIndex(prefetched.get(), form, top, below, isDurable);
      if (made.isPresent()) {
        return made.get();
      }
    }
    return layers.reindex(ref, form, top, below, isDurable, cancellation);
  }

  private Optional<LayerIndex> prefetchIndex(
      PrefetchedTar layer,
      IndexForm form,
      InheritedAttributes top,
      LowerTreeAttributes below,
      boolean isDurable)
      throws IOException {
    try {
      return layer.index(layers, form, top, below, isDurable);
    } catch (LayerStoreException e) {
      if (!e.isDamage()) {
        throw e;
      }
      // Not of the tar, which is only read now.
      log.warn(
          "index of a layer cannot be built from the prefetched headers diff_id={} error=\"{}\"",
          layer.use().diffId(),
          e.getMessage());
      return Optional.empty();
    }
  }

  private Optional<Stored> read(IndexForm form, LowerTreeAttributes below, boolean isDurable)
      throws IOException {
    LayerIngest made = layers.ingest();
    ingest = made;
    IndexedWriter.Result read =
        indexing.write(blob, made, form, below.ofTop(), below, cancellation);
    result = read.layer();
    return switch (read) {
      case IndexedWriter.Result.NotIndexable _ -> Optional.empty();
      case IndexedWriter.Result.Indexed indexed -> {
        LayerStore.LayerRef ref = layers.publish(made, indexed, blob.digest(), isDurable);
        isStored = true;
        yield Optional.of(
            new Stored(
                new LayerForm.Indexed(ref.diffId(), indexed.index().digest()),
                Optional.empty(),
                ref));
      }
    };
  }

  @Override
  public TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException {
    if (result == null) {
      TreeResult written = tree.write(target, isSyncedAfterwards);
      result = tree.result();
      return written;
    }
    try (TreeWriter writer = TreeWriter.open(disk, target, isSyncedAfterwards)) {
      read(result.diffId(), writer);
      return writer.finish();
    }
  }

  private void read(Digest diffId, TreeWriter writer) throws IOException {
    if (isStored || ingest == null) {
      layers.read(diffId, writer, cancellation);
      return;
    }
    try (StoredTar tar = ingest.openTar()) {
      tar.read(writer, cancellation);
    }
  }

  AppliedLayer result() {
    if (result == null) {
      throw new IllegalStateException("nothing was unpacked");
    }
    return result;
  }

  /** Takes away what was made of the layer and is not in the store. */
  @Override
  public void close() {
    if (ingest != null) {
      ingest.close();
    }
  }
}
