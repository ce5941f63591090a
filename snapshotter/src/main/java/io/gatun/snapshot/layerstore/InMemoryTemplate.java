package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.index.LayerIndex;
import java.io.IOException;

/**
 * An index that was read from a layer before the layers below were known, and is completed once
 * they are. Its tree stays in memory, and what exceeds the memory in a spill file.
 *
 * <p>Not thread-safe.
 */
public final class InMemoryTemplate implements AutoCloseable {

  static final IndexForm FORM = IndexForm.OVERLAY;

  private final AppliedLayer layer;
  private final IndexSink sink;

  InMemoryTemplate(AppliedLayer layer, IndexSink sink) {
    this.layer = layer;
    this.sink = sink;
  }

  /** {@return the layer} */
  public AppliedLayer layer() {
    return layer;
  }

  /**
   * Binds the index to its place in a chain. Not to be called again after it succeeded.
   *
   * @param top attributes of the layer's root directory
   * @param below attributes of directories without an entry in the layer
   * @return false if the index has to be built from the tar instead
   */
  public boolean inherit(IndexForm form, InheritedAttributes top, LowerAttributes below)
      throws IOException {
    return form == FORM && sink.inherit(top, below);
  }

  /** Writes the index for the place set by {@link #inherit}. */
  LayerIndex write(LayerIngest ingest) throws IOException {
    return ingest.writeIndex(sink.indexer(), layer.diffId(), layer.sizeBytes());
  }

  /** Frees the memory. */
  @Override
  public void close() {
    sink.close();
  }
}
