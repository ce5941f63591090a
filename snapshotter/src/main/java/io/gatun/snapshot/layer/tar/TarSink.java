package io.gatun.snapshot.layer.tar;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Receives the uncompressed layer byte for byte, exactly as hashed for its diff id, on the thread
 * of the apply.
 */
@FunctionalInterface
public interface TarSink {

  /** For callers that need only the entries. */
  TarSink NOTHING = _ -> {};

  /**
   * Receives the next part before the entries in it are consumed. Nothing is verified before the
   * apply returns.
   *
   * @param part direct, page-aligned and read-only, valid until this returns
   * @throws IOException to end the apply with this cause
   */
  void write(ByteBuffer part) throws IOException;
}
