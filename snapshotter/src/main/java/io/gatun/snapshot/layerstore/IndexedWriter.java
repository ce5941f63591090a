package io.gatun.snapshot.layerstore;

import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.LayerIndex;
import io.gatun.snapshot.layer.erofs.LayerIndexer;
import io.gatun.snapshot.layer.erofs.NotIndexable;
import io.gatun.snapshot.layer.erofs.NotIndexableException;
import io.gatun.snapshot.layer.read.ApplyFailedException;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layer.tar.InheritedAttributes;
import io.gatun.snapshot.layer.tar.LowerAttributes;
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
 * Applies a layer to the store: one pass decompresses, hashes, writes the tar and makes its index.
 *
 * <p>A layer without an index is told so when it has been read to its end. Its tar is in the draft
 * then, from which a directory can be written.
 */
public final class IndexedWriter {

  private static final Logger log = LoggerFactory.getLogger(IndexedWriter.class);

  private static final LinuxPath NOWHERE = LinuxPath.of("/dev/null");

  private final Disk disk;
  private final LayerPipeline pipeline;
  private final TarWriteMode writeMode;
  private final Map<NotIndexable, LongAdder> notIndexable = new ConcurrentHashMap<>();

  /** What has become of a layer. */
  public sealed interface Result {

    /** {@return what is known of it} */
    AppliedLayer layer();

    /** Tar and index are in the draft. */
    record Indexed(AppliedLayer layer, LayerIndex index) implements Result {}

    /**
     * The tar alone is in the draft.
     *
     * @param reason why there is no index
     */
    record NotIndexable(AppliedLayer layer, NotIndexableException reason) implements Result {}
  }

  /**
   * @param writeMode how tars get to the disk
   */
  public IndexedWriter(Disk disk, LayerPipeline pipeline, TarWriteMode writeMode) {
    this.disk = disk;
    this.pipeline = pipeline;
    this.writeMode = writeMode;
  }

  /** {@return how many layers had no index for this reason} */
  public long notIndexable(NotIndexable reason) {
    return counter(reason).sum();
  }

  /**
   * Fills a draft with a layer, with the limits, the failures and the cancellation of {@link
   * LayerPipeline#apply}.
   *
   * @param top what the top of the layer's tree has
   * @param lowerAttributes what directories have that the layer does not name
   * @throws LayerStoreException if the draft cannot be written; while the layer is read, that is
   *     the reason of an {@link ApplyFailedException}
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
   * As {@link #write}, of a layer on top of others that are not known yet: the draft has the tar
   * alone.
   *
   * @return what the index is to be made of, to be closed by the caller; nothing if there is none
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

  /** Makes an index of a layer as {@link #prefetch} and what follows it do, and keeps nothing. */
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
        "layer has no index and is to be a directory diff_id={} reason={} layers={} error=\"{}\"",
        layer.diffId(),
        reason.reason(),
        counter.sum(),
        reason.getMessage());
    return new Result.NotIndexable(layer, reason);
  }
}
