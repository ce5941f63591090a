package io.gatun.snapshot.layer;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Receives a blob while it is created. */
public interface BlobSink {

  /**
   * Writes the next bytes of the blob, blocking while the sink is full. Called by one thread at a
   * time.
   *
   * @param bytes are consumed completely and may be reused afterwards
   */
  void write(ByteBuffer bytes) throws IOException;

  /**
   * Makes a blocked write fail, because the blob will never be complete. May be called from any
   * thread, at any time and more than once.
   */
  void abandon();
}
