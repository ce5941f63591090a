package io.gatun.snapshot.layer.tar;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Takes a layer uncompressed and as it is, byte by byte, while its entries are consumed: all that
 * counts for its diff id. Called by the thread that applies.
 */
@FunctionalInterface
public interface TarSink {

  /** For who wants the entries alone. */
  TarSink NOTHING = _ -> {};

  /**
   * Takes what comes next, before the entries that begin in it are consumed. As with those, nothing
   * is known to be right before the apply returns.
   *
   * @param part direct, at the beginning of a page, for reading only and only until this returns
   * @throws IOException which ends the apply and is the reason of its failure
   */
  void write(ByteBuffer part) throws IOException;
}
