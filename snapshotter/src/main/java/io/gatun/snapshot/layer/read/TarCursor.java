package io.gatun.snapshot.layer.read;

import java.nio.ByteBuffer;

/** A place in the uncompressed layer, which only moves forward. */
final class TarCursor {

  private final ChunkRing.Reader chunks;
  private ByteBuffer chunk = ByteBuffer.allocateDirect(0);

  /** Where in the layer the chunk ends; beyond every place when the layer has ended. */
  private long end;

  TarCursor(ChunkRing.Reader chunks) {
    this.chunks = chunks;
  }

  /** {@return whether a place is not in the chunk that is held, nor before it} */
  boolean isBehind(long offset) {
    return end <= offset;
  }

  /** Goes on to a place, or stays if it is farther already, and gives back all chunks before it. */
  void passTo(long offset) throws ApplyStoppedException {
    while (isBehind(offset)) {
      advance();
    }
    if (chunk.remaining() > end - offset) {
      chunk.position(chunk.limit() - (int) (end - offset));
    }
  }

  /**
   * {@return what comes next, at most so much and only until the next call of anything here;
   * nothing remains in it at the end of the layer}
   */
  ByteBuffer next(long bytesMax) throws ApplyStoppedException {
    if (bytesMax > 0 && !chunk.hasRemaining()) {
      advance();
    }
    int bytes = (int) Math.min(chunk.remaining(), bytesMax);
    ByteBuffer part = chunk.slice(chunk.position(), bytes);
    chunk.position(chunk.position() + bytes);
    return part;
  }

  private void advance() throws ApplyStoppedException {
    chunk = chunks.next();
    end = chunk.hasRemaining() ? end + chunk.remaining() : Long.MAX_VALUE;
  }
}
