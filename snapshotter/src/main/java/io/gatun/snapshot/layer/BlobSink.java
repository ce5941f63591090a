package io.gatun.snapshot.layer;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Where a blob goes while it is made. */
public interface BlobSink {

  /**
   * Takes the next bytes of the blob, and waits as long as it cannot take more. Called by one
   * thread at a time.
   *
   * @param bytes all of what remains is taken, and none of it is needed afterwards
   */
  void write(ByteBuffer bytes) throws IOException;

  /**
   * Called from any thread, at any time and maybe more than once, when the blob will never be
   * complete: a write that waits then fails.
   */
  void abandon();
}
