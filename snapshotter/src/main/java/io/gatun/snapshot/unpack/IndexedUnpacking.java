package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.NotIndexableException;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layer.lower.LowerTreeAttributes;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerIngest;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.StoredTar;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Unpacks one layer into the layer store. If that layer cannot be indexed, its tar can be read
 * instead until this is closed.
 */
public final class IndexedUnpacking implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(IndexedUnpacking.class);

  private final LayerStore layers;
  private final IndexedWriter indexing;
  private final LayerBlob blob;
  private final Optional<PrefetchedTar> prefetched;
  private final Cancellation cancellation;

  private @Nullable LayerIngest ingest;
  private @Nullable AppliedLayer result;

  /** Whether the tar is in the store, and no longer in the ingest. */
  private boolean isStored;

  /**
   * A layer in the store.
   *
   * @param ref keeps the layer in the store; closed when the layer is recorded for a snapshot
   * @param wasDamaged whether this tar replaces a damaged one
   */
  public record Stored(LayerForm.Indexed form, LayerStore.LayerRef ref, boolean wasDamaged) {}

  public IndexedUnpacking(
      LayerStore layers, IndexedWriter indexing, LayerBlob blob, Cancellation cancellation) {
    this(layers, indexing, blob, Optional.empty(), cancellation);
  }

  /**
   * @param prefetched the prefetched layer, if there is one; its headers in memory save a read of
   *     the tar
   */
  IndexedUnpacking(
      LayerStore layers,
      IndexedWriter indexing,
      LayerBlob blob,
      Optional<PrefetchedTar> prefetched,
      Cancellation cancellation) {
    this.layers = layers;
    this.indexing = indexing;
    this.blob = blob;
    this.prefetched = prefetched;
    this.cancellation = cancellation;
  }

  /**
   * Stores the layer. A failure leaves no files.
   *
   * @param target the directory to which its files would be written
   * @param isDurable whether it has to be on the disk when this returns
   * @return the layer; nothing if it has to be stored as a directory
   */
  public Optional<Stored> store(LayerTarget target, boolean isDurable) throws IOException {
    LowerTreeAttributes below = new LowerTreeAttributes(target.lowers());
    IndexForm form = target.lowers().isEmpty() ? IndexForm.BASE : IndexForm.OVERLAY;
    Optional<LayerStore.LayerRef> present = findPresent();
    return present.isPresent()
        ? indexOrRenew(present.get(), form, below, isDurable)
        : read(form, below, isDurable, false);
  }

  /** {@return the stored layer, if an earlier apply has found that the blob contains it} */
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

  /** Replaces a damaged tar by reading the blob. */
  private Optional<Stored> renew(
      Digest diffId,
      IOException damage,
      IndexForm form,
      LowerTreeAttributes below,
      boolean isDurable)
      throws IOException {
    log.error(
        "the tar of a layer is damaged, and is written again diff_id={} error=\"{}\"",
        diffId,
        damage.getMessage());
    layers.distrust(diffId);
    return read(form, below, isDurable, true);
  }

  /** Builds an index for a stored layer, without decompressing the blob. */
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
      return Optional.of(stored(ref, index, false));
    } catch (NotIndexableException e) {
      // The caller reads the blob, because the stored layer may be deleted now.
      return Optional.empty();
    } finally {
      if (!isHandedOn) {
        ref.close();
      }
    }
  }

  private static Stored stored(LayerStore.LayerRef ref, LayerIndex index, boolean wasDamaged) {
    LayerForm.Indexed form = new LayerForm.Indexed(ref.diffId(), index.digest());
    return new Stored(form, ref, wasDamaged);
  }

  private LayerIndex indexOf(
      LayerStore.LayerRef ref, IndexForm form, LowerTreeAttributes below, boolean isDurable)
      throws IOException {
    InheritedAttributes top = below.ofTop();
    if (prefetched.isPresent() && prefetched.get().use().diffId().equals(ref.diffId())) {
      Optional<LayerIndex> made = prefetchedIndex(prefetched.get(), form, top, below, isDurable);
      if (made.isPresent()) {
        return made.get();
      }
    }
    return layers.reindex(ref, form, top, below, isDurable, cancellation);
  }

  private Optional<LayerIndex> prefetchedIndex(
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
      // The tar itself has not been read yet, and may be undamaged.
      log.warn(
          "index of a layer cannot be built from the prefetched headers diff_id={} error=\"{}\"",
          layer.use().diffId(),
          e.getMessage());
      return Optional.empty();
    }
  }

  private Optional<Stored> read(
      IndexForm form, LowerTreeAttributes below, boolean isDurable, boolean wasDamaged)
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
        yield Optional.of(stored(ref, indexed.index(), wasDamaged));
      }
    };
  }

  /** {@return a reader of the layer's tar; nothing if the tar may be deleted} */
  Optional<LayerReading> tar() {
    @Nullable AppliedLayer known = result;
    return known == null
        ? Optional.empty()
        : Optional.of(
            consumer -> {
              read(known.diffId(), consumer);
              return known;
            });
  }

  private void read(Digest diffId, LayerConsumer consumer) throws IOException {
    if (isStored || ingest == null) {
      layers.read(diffId, consumer, cancellation);
      return;
    }
    try (StoredTar tar = ingest.openTar()) {
      tar.read(consumer, cancellation);
    }
  }

  AppliedLayer result() {
    if (result == null) {
      throw new IllegalStateException("nothing was unpacked");
    }
    return result;
  }

  /** Deletes the files of the layer that are not in the store. */
  @Override
  public void close() {
    if (ingest != null) {
      ingest.close();
    }
  }
}
