package io.gatun.snapshot.layer.tar;

import java.io.IOException;

/** A regular file that is there under its name, and still without its content. */
public interface OpenedFile extends AutoCloseable {

  /**
   * Writes the content, and then gives the file everything else that its entry says. By any thread,
   * but one file of a layer after the other.
   *
   * @throws IOException which ends the apply and is the reason of its failure
   */
  void fill(LayerContent content) throws IOException;

  /** Ends the use of the file, whether it was filled or not. */
  @Override
  void close();
}
