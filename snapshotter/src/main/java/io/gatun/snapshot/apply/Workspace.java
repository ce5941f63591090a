package io.gatun.snapshot.apply;

import io.gatun.linux.NativeBuffer;
import io.gatun.snapshot.apply.codec.BlobDecoder;
import io.gatun.snapshot.apply.codec.GzipEngine;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory of one apply after the other: a decoder, hashes, and chunks, of which a small layer
 * never needs more than one.
 */
final class Workspace implements AutoCloseable {

  private final int chunkBytes;
  private final BlobDecoder decoder;
  private final MessageDigest blobHash = Digest.sha256();
  private final MessageDigest tarHash = Digest.sha256();
  private final List<NativeBuffer> chunks = new ArrayList<>();

  Workspace(GzipEngine gzipEngine, int chunkBytes) {
    this.decoder = new BlobDecoder(gzipEngine);
    this.chunkBytes = chunkBytes;
  }

  BlobDecoder decoder() {
    return decoder;
  }

  MessageDigest blobHash() {
    return blobHash;
  }

  MessageDigest tarHash() {
    return tarHash;
  }

  /** {@return a chunk, the same one for the same number} Numbers come in order at first. */
  ByteBuffer chunk(int number) {
    while (chunks.size() <= number) {
      chunks.add(new NativeBuffer(chunkBytes));
    }
    return chunks.get(number).buffer();
  }

  /** {@return how many chunks there are} */
  int chunks() {
    return chunks.size();
  }

  @Override
  public void close() {
    decoder.close();
    chunks.forEach(NativeBuffer::close);
  }
}
