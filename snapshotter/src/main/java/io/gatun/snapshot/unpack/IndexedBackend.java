package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.InMemoryTemplate;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerIngest;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.ApplyTarget;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores layers as tars with indexes:
 *
 * <pre>
 *   tar and index in the layer store -> record begun -> record written -> in memory
 * </pre>
 *
 * <p>If a layer cannot be indexed, or its snapshot's mounts were handed out meanwhile, its files
 * are written to the snapshot's directory. They are read from the tar, or from the blob if the tar
 * may be deleted.
 *
 * <p>The index depends on the layers below. A prefetched layer is therefore stored only as a tar,
 * under the digest of its blob, and its index is built on request. No record names the layer before
 * that, so it is garbage if the prefetch is given up.
 */
public final class IndexedBackend implements LayerBackend {

  private static final Logger log = LoggerFactory.getLogger(IndexedBackend.class);

  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final IndexedWriter indexing;
  private final Durability durability;
  private final LayerPipeline pipeline;

  public IndexedBackend(
      LayerStore layers,
      IndexedLayers indexedLayers,
      IndexedWriter indexing,
      Durability durability,
      LayerPipeline pipeline) {
    this.layers = layers;
    this.indexedLayers = indexedLayers;
    this.indexing = indexing;
    this.durability = durability;
    this.pipeline = pipeline;
  }

  @Override
  public boolean accepts(ApplyTarget target) {
    return target.chain().extraction() && target.files().deletions().isIndexable();
  }

  @Override
  public Unpacked apply(
      ApplyTarget target,
      LayerBlob blob,
      Optional<Prefetched> prefetched,
      Cancellation cancellation)
      throws IOException {
    IndexedUnpacking unpacking =
        new IndexedUnpacking(
            layers, indexing, blob, prefetched.map(PrefetchedTar.class::cast), cancellation);
    try {
      boolean isDurable = durability.mustSyncIndexed(target.syncRequested());
      Optional<IndexedUnpacking.Stored> stored =
          StorageErrors.name(
              "apply", target.key(), () -> unpacking.store(target.files(), isDurable));
      LayerReading files =
          unpacking.tar().orElse(consumer -> pipeline.apply(blob, consumer, cancellation));
      return new Tar(unpacking, stored, files);
    } catch (IOException | RuntimeException | Error e) {
      unpacking.close();
      throw e;
    }
  }

  /**
   * A layer as a tar. If it has an index, it is in the store and stays there until this is closed.
   */
  final class Tar implements Unpacked {
    private final IndexedUnpacking unpacking;
    private final Optional<IndexedUnpacking.Stored> stored;
    private final LayerReading files;
    private boolean isRecorded;

    /**
     * @param files reads the layer if it has to be written to a directory
     */
    private Tar(
        IndexedUnpacking unpacking, Optional<IndexedUnpacking.Stored> stored, LayerReading files) {
      this.unpacking = unpacking;
      this.stored = stored;
      this.files = files;
    }

    @Override
    public AppliedLayer layer() {
      return unpacking.result();
    }

    @Override
    public Optional<Replaced> replaced() {
      return stored.map(layer -> new Replaced(layer.form().diffId(), layer.wasDamaged()));
    }

    @Override
    public Optional<LayerReading> record(ApplyTarget target) throws IOException {
      isRecorded = stored.isPresent() && recordIndexed(target, stored.get());
      return isRecorded ? Optional.empty() : Optional.of(files);
    }

    @Override
    public void close() {
      try (unpacking) {
        stored.ifPresent(this::release);
      }
    }

    private void release(IndexedUnpacking.Stored layer) {
      layer.ref().close();
      if (!isRecorded) {
        indexedLayers.collect(layer.form().diffId());
      }
    }
  }

  /**
   * {@return whether the layer was recorded; not if a client may have seen the snapshot's empty
   * directory}
   */
  private boolean recordIndexed(ApplyTarget target, IndexedUnpacking.Stored stored)
      throws ErrnoException {
    LayerForm.Indexed form = stored.form();
    List<Timespec> times = target.changeTimes();
    // A start that reads this record finds the layer on the disk, or verifies it first.
    boolean isOnDiskThen = durability.mustSyncOnApply(target.syncRequested());
    target.recordIndexed(new ActiveSnapshots.Layer(form, isOnDiskThen, times));
    indexedLayers.add(target.id(), form);
    boolean isDurable = durability.mustSyncIndexed(target.syncRequested());
    if (target.indexed(new ActiveSnapshots.Layer(form, isDurable, times))) {
      return true;
    }
    indexedLayers.remove(target.id());
    return false;
  }

  @Override
  public boolean isPresent(Digest blob) {
    return layers.diffIdOf(blob).isPresent();
  }

  @Override
  public Optional<PrefetchedTar> prefetch(LayerBlob blob, Cancellation cancellation)
      throws IOException {
    try (LayerIngest ingest = layers.ingest()) {
      Optional<InMemoryTemplate> read = indexing.prefetch(blob, ingest, cancellation);
      return read.isEmpty() ? Optional.empty() : Optional.of(publish(ingest, read.get(), blob));
    }
  }

  private PrefetchedTar publish(LayerIngest ingest, InMemoryTemplate template, LayerBlob blob)
      throws IOException {
    try {
      LayerStore.LayerRef ref =
          layers.publish(
              ingest, template.layer(), blob.digest(), durability.mustSyncIndexed(false));
      log.debug("layer is prefetched diff_id={}", ref.diffId());
      return new PrefetchedTar(ref, template, indexedLayers);
    } catch (IOException | RuntimeException | Error e) {
      template.close();
      throw e;
    }
  }

  @Override
  public void warmUp(LayerBlob blob) throws IOException {
    indexing.warmUp(blob, new Cancellation());
  }
}
