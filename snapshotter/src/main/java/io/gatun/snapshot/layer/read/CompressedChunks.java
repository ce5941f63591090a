package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.layer.BlobSource;
import java.nio.ByteBuffer;

/** Supplies the pieces of a blob that another thread reads. */
final class CompressedChunks implements BlobSource {

  private final ChunkRing.Reader pieces;
  private ByteBuffer piece = ByteBuffer.allocateDirect(0);

  CompressedChunks(ChunkRing.Reader pieces) {
    this.pieces = pieces;
  }

  @Override
  public int read(ByteBuffer into) throws ApplyStoppedException {
    if (!fill()) {
      return -1;
    }
    int bytes = Math.min(piece.remaining(), into.remaining());
    into.put(into.position(), piece, piece.position(), bytes);
    into.position(into.position() + bytes);
    piece.position(piece.position() + bytes);
    return bytes;
  }

  /** Returns the piece itself, without a copy. */
  @Override
  public ByteBuffer next(ByteBuffer memory) throws ApplyStoppedException {
    fill();
    ByteBuffer rest = piece.slice();
    piece.position(piece.limit());
    return rest;
  }

  private boolean fill() throws ApplyStoppedException {
    if (!piece.hasRemaining()) {
      piece = pieces.next();
    }
    return piece.hasRemaining();
  }
}
