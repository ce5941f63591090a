package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import java.io.IOException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Builds further indexes of stored layers. The caller holds a reference to the layer. */
final class LayerIndexBuilder {

  private static final Logger log = LoggerFactory.getLogger(LayerIndexBuilder.class);

  private final LayerFiles files;
  private final LayerIngests ingests;
  private final LayerPublisher publication;

  LayerIndexBuilder(LayerFiles files, LayerIngests ingests, LayerPublisher publication) {
    this.files = files;
    this.ingests = ingests;
    this.publication = publication;
  }

  LayerIndex run(
      Digest diffId,
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes lowerAttributes,
      boolean isDurable,
      Cancellation cancellation)
      throws IOException {
    try (StoredTar tar = files.openTar(diffId)) {
      if (form == IndexForm.OVERLAY) {
        Optional<LayerIndex> copied = copyIndex(tar, diffId, top, lowerAttributes, isDurable);
        if (copied.isPresent()) {
          return copied.get();
        }
      }
      return add(
          diffId,
          ingest -> makeIndex(ingest, tar, diffId, form, top, lowerAttributes, cancellation),
          isDurable);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot index layer " + diffId, e);
    }
  }

  private Optional<LayerIndex> copyIndex(
      StoredTar tar,
      Digest diffId,
      InheritedAttributes top,
      LowerAttributes lowerAttributes,
      boolean isDurable)
      throws IOException {
    for (Digest digest : files.indexes(diffId)) {
      try (StoredTemplate index = readIndex(diffId, digest).orElse(null)) {
        // A tar whose length has changed has to be read, so that its damage is found.
        if (index != null && index.copy().tarBytes() == tar.sizeBytes()) {
          return index.copy().inherit(diffId, top, lowerAttributes)
              ? Optional.of(add(diffId, ingest -> ingest.writeIndex(index.copy()), isDurable))
              : Optional.empty();
        }
      }
    }
    return Optional.empty();
  }

  /** {@return an index from which another one can be derived} */
  private Optional<StoredTemplate> readIndex(Digest diffId, Digest index) {
    try (Fd file = files.open(diffId, new LayerFile.Index(index))) {
      return StoredTemplate.read(file, index);
    } catch (ErrnoException e) {
      log.debug(
          "cannot read index, building one from the tar diff_id={} index={} error=\"{}\"",
          diffId,
          index,
          e.getMessage());
      return Optional.empty();
    }
  }

  /** Writes the index of an ingest. */
  interface IndexWriter {
    LayerIndex write(LayerIngest ingest) throws IOException;
  }

  /** Adds an index to a layer, like {@link LayerStore#addIndex}. */
  LayerIndex add(Digest diffId, IndexWriter writer, boolean isDurable) throws IOException {
    try (LayerIngest ingest = ingests.begin()) {
      LayerIndex index = writer.write(ingest);
      publication.add(ingest, diffId, index, isDurable);
      return index;
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot index layer " + diffId, e);
    }
  }

  private static LayerIndex makeIndex(
      LayerIngest ingest,
      StoredTar tar,
      Digest diffId,
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes lowerAttributes,
      Cancellation cancellation)
      throws IOException {
    try (IndexSink sink = new IndexSink(ingest, form, top, lowerAttributes)) {
      tar.readHeaders(sink, cancellation);
      if (sink.notIndexable().isPresent()) {
        throw sink.notIndexable().get();
      }
      return ingest.writeIndex(sink.indexer(), diffId, tar.sizeBytes());
    }
  }
}
