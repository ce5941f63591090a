package io.gatun.snapshot.apply;

import io.gatun.snapshot.apply.codec.BlobSource;
import java.nio.ByteBuffer;

/** The pieces of a blob that another thread reads. */
final class PieceSource implements BlobSource {

  private final ChunkRing.Reader pieces;
  private ByteBuffer piece = ByteBuffer.allocateDirect(0);

  PieceSource(ChunkRing.Reader pieces) {
    this.pieces = pieces;
  }

  @Override
  public int read(ByteBuffer into) throws ApplyStoppedException {
    if (!piece.hasRemaining()) {
      piece = pieces.next();
      if (!piece.hasRemaining()) {
        return -1;
      }
    }
    int bytes = Math.min(piece.remaining(), into.remaining());
    into.put(into.position(), piece, piece.position(), bytes);
    into.position(into.position() + bytes);
    piece.position(piece.position() + bytes);
    return bytes;
  }
}
