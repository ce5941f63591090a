package io.gatun.snapshot.layer.entry;

import java.io.IOException;

/** A regular file that exists but does not have its content yet. */
public interface OpenedFile extends AutoCloseable {

  /**
   * Writes the content, then sets the attributes of the entry. Any thread may call this, but the
   * files of a layer are filled one after the other.
   *
   * @throws IOException to end the apply with this cause
   */
  void fill(LayerContent content) throws IOException;

  /** Releases the file, whether it was filled or not. */
  @Override
  void close();
}
