package io.gatun.linux;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;

/**
 * Off-heap memory that is freed explicitly.
 *
 * <p>{@link ByteBuffer#allocateDirect} frees memory after a garbage collection, which on a small
 * and quiet heap may take hours, and is limited by the size of the heap.
 */
public final class NativeBuffer implements AutoCloseable {

  /** For direct I/O (open(2), {@code O_DIRECT}). */
  private static final int ALIGNMENT_BYTES = 4096;

  private final Arena arena = Arena.ofShared();
  private final ByteBuffer buffer;

  /**
   * @param sizeBytes the size; initially zero
   */
  public NativeBuffer(int sizeBytes) {
    this.buffer = arena.allocate(sizeBytes, ALIGNMENT_BYTES).asByteBuffer();
  }

  /**
   * {@return the whole memory, always the same direct, page-aligned buffer, usable by any thread}
   */
  public ByteBuffer buffer() {
    return buffer;
  }

  /**
   * Frees the memory. The buffer and its slices then throw.
   *
   * @throws IllegalStateException if it is closed already, or a call is using the memory
   */
  @Override
  public void close() {
    arena.close();
  }
}
