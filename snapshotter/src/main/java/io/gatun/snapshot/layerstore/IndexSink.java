package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.LayerIndexer;
import io.gatun.snapshot.layer.erofs.NotIndexableException;
import io.gatun.snapshot.layer.tar.InheritedAttributes;
import io.gatun.snapshot.layer.tar.LayerConsumer;
import io.gatun.snapshot.layer.tar.LayerContent;
import io.gatun.snapshot.layer.tar.LayerEntry;
import io.gatun.snapshot.layer.tar.LowerAttributes;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Makes an index while a layer is read, and lets the rest of a layer pass that turns out to have
 * none, so that its tar is whole in the end.
 */
final class IndexSink implements LayerConsumer, AutoCloseable {

  /**
   * What is kept in memory of the tree: beside 8 MiB of chunks, one MiB of the blob and at most 9
   * MiB of the decoder, that is what 24 MiB for an apply leave. Enough for some 50,000 entries.
   */
  static final long RESIDENT_BYTES = 6L << 20;

  private final LayerIndexer indexer;
  private @Nullable NotIndexableException notIndexable;

  IndexSink(
      LayerIngest ingest, IndexForm form, InheritedAttributes top, LowerAttributes lowerAttributes)
      throws IOException {
    this.indexer = new LayerIndexer(form, top, lowerAttributes, ingest.spill(), RESIDENT_BYTES);
  }

  @Override
  public void entry(LayerEntry entry, LayerContent content) throws IOException {
    if (notIndexable != null) {
      return;
    }
    try {
      indexer.entry(entry, content);
    } catch (NotIndexableException e) {
      notIndexable = e;
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot index " + entry.path().whole(), e);
    }
  }

  /** {@return why there is no index, if so} */
  Optional<NotIndexableException> notIndexable() {
    return Optional.ofNullable(notIndexable);
  }

  /** As {@link LayerIndexer#inherit}. */
  boolean inherit(InheritedAttributes top, LowerAttributes below) throws IOException {
    return indexer.inherit(top, below);
  }

  LayerIndexer indexer() {
    return indexer;
  }

  @Override
  public void close() {
    indexer.close();
  }
}
