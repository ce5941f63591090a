package io.gatun.snapshot.layer.read;

import io.gatun.linux.NativeBuffer;
import io.gatun.snapshot.layer.codec.BlobDecoder;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.codec.GzipEngine;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
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

  private ApplyBuffers(GzipEngine gzipEngine, int chunkBytes) {
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

  @Override
  public void close() {
    decoder.close();
    pieces.forEach(NativeBuffer::close);
    chunks.forEach(NativeBuffer::close);
  }

  /**
   * Pools unused buffers. They are kept while others are in use, since the layers of an image
   * arrive together; once all are idle, all but one are freed.
   */
  static final class Pool implements AutoCloseable {
    private final GzipEngine gzipEngine;
    private final int chunkBytes;
    private final Deque<ApplyBuffers> idle = new ArrayDeque<>();
    private int used;

    Pool(GzipEngine gzipEngine, int chunkBytes) {
      this.gzipEngine = gzipEngine;
      this.chunkBytes = chunkBytes;
    }

    synchronized ApplyBuffers take() {
      ApplyBuffers buffers = idle.isEmpty() ? new ApplyBuffers(gzipEngine, chunkBytes) : idle.pop();
      used++;
      return buffers;
    }

    synchronized void give(ApplyBuffers buffers) {
      used--;
      idle.push(buffers);
      if (used == 0) {
        closeBeyond(1);
      }
    }

    /** {@return the number of buffers, in use or idle} */
    synchronized int count() {
      return used + idle.size();
    }

    synchronized int idleChunks() {
      return idle.stream().mapToInt(buffers -> buffers.chunks.size()).sum();
    }

    /** Frees the idle buffers; none should be in use. */
    @Override
    public synchronized void close() {
      closeBeyond(0);
    }

    private void closeBeyond(int kept) {
      while (idle.size() > kept) {
        idle.removeLast().close();
      }
    }
  }
}
