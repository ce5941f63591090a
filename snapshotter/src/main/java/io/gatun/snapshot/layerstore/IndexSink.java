package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.NotIndexableException;
import io.gatun.snapshot.layer.index.LayerIndexer;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Builds an index while a layer is read. If the layer turns out not to be indexable, the remaining
 * entries are skipped, so that its tar is still written completely.
 */
final class IndexSink implements LayerConsumer, AutoCloseable {

  /**
   * Memory for the tree: an apply may use 24 MiB, of which chunks take 8, the blob 1 and the
   * decoder up to 9. Enough for about 50,000 entries.
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

  Optional<NotIndexableException> notIndexable() {
    return Optional.ofNullable(notIndexable);
  }

  /** Like {@link LayerIndexer#inherit}. */
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
