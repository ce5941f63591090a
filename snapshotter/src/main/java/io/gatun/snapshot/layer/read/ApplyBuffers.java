package io.gatun.snapshot.layer.read;

import io.gatun.linux.NativeBuffer;
import io.gatun.snapshot.layer.codec.BlobDecoder;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.codec.GzipEngine;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Reusable memory for one apply at a time: a decoder, hashes and chunks, of which a small layer
 * needs only one.
 */
final class ApplyBuffers implements AutoCloseable {

  /** As much as the decoder reads at once. */
  private static final int PIECE_BYTES = 256 << 10;

  private final int chunkBytes;
  private final BlobDecoder decoder;
  private final BufferHash blobHash = new BufferHash();
  private final BufferHash tarHash = new BufferHash();
  private final List<NativeBuffer> pieces = new ArrayList<>();
  private final List<NativeBuffer> chunks = new ArrayList<>();

  ApplyBuffers(GzipEngine gzipEngine, int chunkBytes) {
    this.decoder = new BlobDecoder(gzipEngine);
    this.chunkBytes = chunkBytes;
  }

  BlobDecoder decoder() {
    return decoder;
  }

  BufferHash blobHash() {
    return blobHash;
  }

  BufferHash tarHash() {
    return tarHash;
  }

  /** {@return the chunk with a number} First uses are in the order of the numbers. */
  ByteBuffer chunk(int number) {
    return buffer(chunks, number, chunkBytes);
  }

  /** {@return the buffer for compressed data with a number} */
  ByteBuffer piece(int number) {
    return buffer(pieces, number, PIECE_BYTES);
  }

  private static ByteBuffer buffer(List<NativeBuffer> all, int number, int bytes) {
    while (all.size() <= number) {
      all.add(new NativeBuffer(bytes));
    }
    return all.get(number).buffer();
  }

  int chunks() {
    return chunks.size();
  }

  @Override
  public void close() {
    decoder.close();
    pieces.forEach(NativeBuffer::close);
    chunks.forEach(NativeBuffer::close);
  }
}
