package io.gatun.snapshot.layer.tar;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A consumer that can make a file before it has the content, so that further ones are made while
 * another thread fills it.
 */
public interface FileSink extends LayerConsumer {

  /**
   * Takes the next entry, but for the content of a regular file. Files made before need not be
   * filled yet, unless this one is a hard link, which changes what a file has besides its content.
   *
   * @return the file, to be filled and closed by the caller; null of any other entry
   * @throws IOException which ends the apply and is the reason of its failure
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
