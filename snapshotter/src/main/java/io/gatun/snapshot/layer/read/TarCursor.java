package io.gatun.snapshot.layer.read;

import java.nio.ByteBuffer;

/** A position in the uncompressed layer that only moves forward. */
final class TarCursor {

  private final ChunkRing.Reader chunks;
  private ByteBuffer chunk = ByteBuffer.allocateDirect(0);

  /** The offset in the layer of the chunk's end; the maximum at the end of the layer. */
  private long end;

  TarCursor(ChunkRing.Reader chunks) {
    this.chunks = chunks;
  }

  /** {@return whether an offset is after the current chunk} */
  boolean isBehind(long offset) {
    return end <= offset;
  }

  /** Moves to an offset unless it is passed already, and releases all chunks before it. */
  void passTo(long offset) throws ApplyStoppedException {
    while (isBehind(offset)) {
      advance();
    }
    if (chunk.remaining() > end - offset) {
      chunk.position(chunk.limit() - (int) (end - offset));
    }
  }

  /**
   * {@return the next data, limited in size and valid until the next call of any method; empty at
   * the end of the layer}
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
