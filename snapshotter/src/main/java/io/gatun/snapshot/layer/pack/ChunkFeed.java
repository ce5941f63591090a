package io.gatun.snapshot.layer.pack;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import org.jspecify.annotations.Nullable;

/** Hashes a tar and passes it on in chunks. */
final class ChunkFeed implements TarOutput {

  private final ChunkExchange exchange;
  private final MessageDigest hash;
  private @Nullable ByteBuffer chunk;

  ChunkFeed(ChunkExchange exchange, MessageDigest hash) {
    this.exchange = exchange;
    this.hash = hash;
  }

  @Override
  public ByteBuffer room() throws IOException {
    ByteBuffer current = chunk;
    if (current != null && !current.hasRemaining()) {
      handOn(current, false);
      current = null;
    }
    if (current == null) {
      current = exchange.room();
      chunk = current;
    }
    return current;
  }

  /** Passes on the last chunk. */
  void end() throws IOException {
    handOn(room(), true);
    chunk = null;
  }

  private void handOn(ByteBuffer current, boolean isLast) {
    hash.update(current.duplicate().flip());
    exchange.fill(current, isLast);
  }
}
