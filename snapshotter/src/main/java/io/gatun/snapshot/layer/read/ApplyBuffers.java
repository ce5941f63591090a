package io.gatun.snapshot.layer.read;

import io.gatun.linux.NativeBuffer;
import io.gatun.snapshot.layer.codec.BlobDecoder;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.codec.GzipEngine;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory of one apply after the other: a decoder, hashes, and chunks, of which a small layer
 * never needs more than one.
 */
final class ApplyBuffers implements AutoCloseable {

  /** As much as the decoder takes at a time. */
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

  /** {@return a chunk, the same one for the same number} Numbers come in order at first. */
  ByteBuffer chunk(int number) {
    return buffer(chunks, number, chunkBytes);
  }

  /** {@return the same for the blob as it is read} */
  ByteBuffer piece(int number) {
    return buffer(pieces, number, PIECE_BYTES);
  }

  private static ByteBuffer buffer(List<NativeBuffer> all, int number, int bytes) {
    while (all.size() <= number) {
      all.add(new NativeBuffer(bytes));
    }
    return all.get(number).buffer();
  }

  /** {@return how many chunks there are} */
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
