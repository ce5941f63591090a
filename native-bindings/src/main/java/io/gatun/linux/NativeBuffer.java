package io.gatun.linux;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;

/**
 * Memory outside of the heap that is given back when it is told to.
 *
 * <p>{@link ByteBuffer#allocateDirect} gives back what the collector finds unused, which on a small
 * and quiet heap may take hours, and is limited by the size of the heap.
 */
public final class NativeBuffer implements AutoCloseable {

  /** So that a file can be written from it past the page cache (open(2), {@code O_DIRECT}). */
  private static final int ALIGNMENT_BYTES = 4096;

  private final Arena arena = Arena.ofShared();
  private final ByteBuffer buffer;

  /**
   * @param sizeBytes how much; all zeros at first
   */
  public NativeBuffer(int sizeBytes) {
    this.buffer = arena.allocate(sizeBytes, ALIGNMENT_BYTES).asByteBuffer();
  }

  /** {@return all of it, always the same buffer} A direct one, for any thread; it begins a page. */
  public ByteBuffer buffer() {
    return buffer;
  }

  /**
   * Gives the memory back. The buffer, and what was cut from it, then refuses to be used.
   *
   * @throws IllegalStateException if it is closed already, or a call is using the memory
   */
  @Override
  public void close() {
    arena.close();
  }
}
