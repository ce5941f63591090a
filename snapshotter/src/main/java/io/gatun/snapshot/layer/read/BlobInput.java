package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.concurrent.ChunkRing;
import io.gatun.snapshot.layer.BlobSource;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The blob as the input of the decoder, which first reads it itself; later, another thread reads it
 * in pieces. Reads fail if the content differs from the descriptor.
 */
final class BlobInput implements BlobSource {

  /**
   * The decoder holds one piece for about a millisecond. The reading thread shares its processor
   * with others that have longer time slices, so several pieces must be ready.
   */
  static final int PIECES = 4;

  private final LayerBlob blob;
  private final BufferHash hash;
  private final ChunkRing pieces;
  private final ChunkRing.Reader fetched;
  private boolean isFetching;
  private ByteBuffer piece = ByteBuffer.allocateDirect(0);
  private long bytes;

  BlobInput(LayerBlob blob, ApplyBuffers buffers) {
    this.blob = blob;
    this.hash = buffers.blobHash();
    this.pieces = new ChunkRing(buffers::piece, PIECES);
    this.fetched = pieces.addReader();
    hash.reset();
  }

  /** Makes the decoder wait for the pieces from {@link #fetch}. */
  void expectPieces() {
    isFetching = true;
  }

  /** Reads the rest of the blob in pieces. */
  void fetch() throws IOException {
    boolean isEnded = false;
    while (!isEnded) {
      ByteBuffer room = pieces.room();
      isEnded = readVerified(room) < 0;
      pieces.fill(room, isEnded);
    }
  }

  /** Makes both threads fail. */
  void fail(Throwable cause) {
    pieces.fail(cause);
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    if (!isFetching) {
      pieces.check();
      return readVerified(into);
    }
    if (!fillPiece()) {
      return -1;
    }
    int length = Math.min(piece.remaining(), into.remaining());
    into.put(into.position(), piece, piece.position(), length);
    into.position(into.position() + length);
    piece.position(piece.position() + length);
    return length;
  }

  /** Returns a piece itself, without a copy. */
  @Override
  public ByteBuffer next(ByteBuffer memory) throws IOException {
    if (!isFetching) {
      return BlobSource.super.next(memory);
    }
    fillPiece();
    ByteBuffer rest = piece.slice();
    piece.position(piece.limit());
    return rest;
  }

  private boolean fillPiece() throws ChunkRing.StoppedException {
    pieces.check();
    if (!piece.hasRemaining()) {
      piece = fetched.next();
    }
    return piece.hasRemaining();
  }

  private int readVerified(ByteBuffer into) throws IOException {
    int start = into.position();
    int read = blob.read(into);
    if (read < 0) {
      checkWhole();
      return read;
    }
    bytes += read;
    if (blob.sizeBytes().isPresent() && bytes > blob.sizeBytes().getAsLong()) {
      throw new InvalidLayerException(
          "blob continues after the %d bytes of its descriptor"
              .formatted(blob.sizeBytes().getAsLong()));
    }
    if (!blob.isVerified()) {
      hash.update(into.slice(start, read));
    }
    return read;
  }

  private void checkWhole() throws InvalidLayerException {
    long expected = blob.sizeBytes().orElse(bytes);
    if (bytes != expected) {
      throw new InvalidLayerException(
          "blob ends after %d of the %d bytes of its descriptor".formatted(bytes, expected));
    }
    if (!blob.isVerified()) {
      Digest actual = hash.finish();
      if (!actual.equals(blob.digest())) {
        throw new InvalidLayerException("blob has the wrong digest " + actual);
      }
    }
  }
}
