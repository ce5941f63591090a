package io.gatun.snapshot.layer.entry;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A consumer that can create a file before its content arrives, so that it creates further files
 * while another thread fills this one.
 */
public interface FileSink extends LayerConsumer {

  /** A regular file that exists but does not have its content yet. */
  interface OpenedFile extends AutoCloseable {

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

  /**
   * Creates the next entry, without the content of a regular file. Earlier files need not be filled
   * yet, unless this entry is a hard link, which changes attributes of its target.
   *
   * @return the file, to be filled and closed by the caller; null for other entries
   * @throws IOException to end the apply with this cause
   */
  @Nullable OpenedFile make(LayerEntry entry) throws IOException;

  @Override
  default void entry(LayerEntry entry, LayerContent content) throws IOException {
    try (OpenedFile file = make(entry)) {
      if (file != null) {
        file.fill(content);
      }
    }
  }
}
