package io.gatun.snapshot.layerstore;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.NotIndexable;
import io.gatun.snapshot.layer.erofs.NotIndexableException;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layer.index.LayerIndexer;
import io.gatun.snapshot.layer.read.ApplyFailedException;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.tar.DirectWriter;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import io.gatun.snapshot.layerstore.tar.TarFile;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Applies a layer to the store in one pass that decompresses, hashes, writes the tar and builds the
 * index.
 *
 * <p>Whether a layer can be indexed is known only at its end. If it cannot, the ingest has its tar,
 * from which the caller can extract a directory.
 */
public final class IndexedWriter {

  private static final Logger log = LoggerFactory.getLogger(IndexedWriter.class);

  private static final LinuxPath NOWHERE = LinuxPath.of("/dev/null");

  private final Disk disk;
  private final LayerPipeline pipeline;
  private final TarWriteMode writeMode;
  private final Map<NotIndexable, LongAdder> notIndexable = new ConcurrentHashMap<>();

  /** The outcome of an apply. */
  public sealed interface Result {

    /** {@return the digests and sizes of the layer} */
    AppliedLayer layer();

    /** The ingest contains the tar and the index. */
    record Indexed(AppliedLayer layer, LayerIndex index) implements Result {}

    /**
     * The ingest contains only the tar.
     *
     * @param reason why there is no index
     */
    record NotIndexable(AppliedLayer layer, NotIndexableException reason) implements Result {}
  }

  /**
   * @param writeMode how tars are written to disk
   */
  public IndexedWriter(Disk disk, LayerPipeline pipeline, TarWriteMode writeMode) {
    this.disk = disk;
    this.pipeline = pipeline;
    this.writeMode = writeMode;
  }

  /** {@return the number of layers that had no index for this reason} */
  public long notIndexable(NotIndexable reason) {
    return counter(reason).sum();
  }

  /**
   * Writes a layer into an ingest, with the limits, failures and cancellation of {@link
   * LayerPipeline#apply}.
   *
   * @param top attributes of the layer's root directory
   * @param lowerAttributes attributes of directories without an entry in the layer
   * @throws LayerStoreException if the ingest cannot be written; while the layer is being read, it
   *     is the cause of an {@link ApplyFailedException}
   */
  public Result write(
      LayerBlob blob,
      LayerIngest ingest,
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes lowerAttributes,
      Cancellation cancellation)
      throws IOException {
    try (IndexSink index = new IndexSink(ingest, form, top, lowerAttributes)) {
      AppliedLayer layer = read(blob, ingest, index, cancellation);
      if (index.notIndexable().isPresent()) {
        return counted(layer, index.notIndexable().get());
      }
      try {
        return new Result.Indexed(
            layer, ingest.writeIndex(index.indexer(), layer.diffId(), layer.sizeBytes()));
      } catch (NotIndexableException e) {
        return counted(layer, e);
      }
    }
  }

  /**
   * Like {@link #write}, for a layer whose lower layers are not known yet: the ingest gets only the
   * tar.
   *
   * @return the template of the index, which the caller closes; empty if the layer is not indexable
   */
  public Optional<InMemoryTemplate> prefetch(
      LayerBlob blob, LayerIngest ingest, Cancellation cancellation) throws IOException {
    IndexSink index =
        new IndexSink(
            ingest, InMemoryTemplate.FORM, InheritedAttributes.ofTop(), LowerAttributes.NOTHING);
    boolean isHandedOn = false;
    try {
      AppliedLayer layer = read(blob, ingest, index, cancellation);
      isHandedOn = index.notIndexable().isEmpty();
      return isHandedOn ? Optional.of(new InMemoryTemplate(layer, index)) : Optional.empty();
    } finally {
      if (!isHandedOn) {
        index.close();
      }
    }
  }

  /** Runs the code paths of {@link #prefetch} and of writing the index, and discards the result. */
  public void warmUp(LayerBlob blob, Cancellation cancellation) throws IOException {
    try (Fd nowhere = Fcntl.open(NOWHERE, OpenFlag.WRITE_ONLY);
        LayerIndexer indexer =
            new LayerIndexer(
                InMemoryTemplate.FORM,
                InheritedAttributes.ofTop(),
                LowerAttributes.NOTHING,
                new Spill(disk, nowhere),
                IndexSink.RESIDENT_BYTES)) {
      AppliedLayer layer = pipeline.apply(blob, indexer, cancellation);
      if (indexer.inherit(InheritedAttributes.ofTop(), LowerAttributes.NOTHING)) {
        var _ = indexer.finish(disk, nowhere, layer.diffId(), layer.sizeBytes());
      }
    }
  }

  private AppliedLayer read(
      LayerBlob blob, LayerIngest ingest, IndexSink index, Cancellation cancellation)
      throws IOException {
    try (Fd file = ingest.createTar();
        DirectWriter direct = writeMode.isDirect() ? ingest.openTarDirectly().orElse(null) : null) {
      TarFile tar = new TarFile(disk, file, Optional.ofNullable(direct), writeMode.isEarly());
      AppliedLayer layer = pipeline.apply(blob, index, tar, cancellation);
      tar.finish();
      return layer;
    }
  }

  private LongAdder counter(NotIndexable reason) {
    return notIndexable.computeIfAbsent(reason, _ -> new LongAdder());
  }

  private Result counted(AppliedLayer layer, NotIndexableException reason) {
    LongAdder counter = counter(reason.reason());
    counter.increment();
    log.info(
        "layer cannot be indexed, extracting a directory instead diff_id={} reason={} layers={} error=\"{}\"",
        layer.diffId(),
        reason.reason(),
        counter.sum(),
        reason.getMessage());
    return new Result.NotIndexable(layer, reason);
  }
}
