package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.LayerIndex;
import io.gatun.snapshot.layer.tar.InheritedAttributes;
import io.gatun.snapshot.layer.tar.LowerAttributes;
import java.io.IOException;

/**
 * What is known of a layer that was read before those below it were known, and waits for these to
 * become an index. It keeps its tree until then, in memory and what did not fit in a file.
 *
 * <p>Not safe for use by several threads.
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
   * Says which place the layer has. Not to be called any more once that could be said.
   *
   * @param top what the top of the layer's tree has
   * @param below what directories have that the layer does not name
   * @return whether it could; else the index has to be made of the tar
   */
  public boolean inherit(IndexForm form, InheritedAttributes top, LowerAttributes below)
      throws IOException {
    return form == FORM && sink.inherit(top, below);
  }

  /** Writes the index for the place that it was told. */
  LayerIndex write(LayerIngest ingest) throws IOException {
    return ingest.writeIndex(sink.indexer(), layer.diffId(), layer.sizeBytes());
  }

  /** Gives the memory back. */
  @Override
  public void close() {
    sink.close();
  }
}
