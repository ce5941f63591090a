package io.gatun.linux.file;

import io.gatun.linux.NativeCall;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;

/**
 * Passes the remaining part of a {@link ByteBuffer} to a call that reads or writes it, and advances
 * its position by the result. A heap buffer is copied, at most {@link #CHUNK_BYTES} at a time;
 * callers must expect short reads and writes anyway.
 */
final class Buffers {

  static final int CHUNK_BYTES = 1 << 20;

  /** Like {@link NativeCall.Body}, with the memory to read or write. */
  @FunctionalInterface
  interface Body {
    long invoke(MemorySegment state, MemorySegment memory) throws Throwable;
  }

  private Buffers() {}

  /** {@return the number of bytes that the call put into the buffer, or a negated errno} */
  static long fill(ByteBuffer buffer, Body body) {
    if (buffer.isReadOnly()) {
      throw new ReadOnlyBufferException();
    }
    long result =
        NativeCall.repeat(
            (state, arena) -> {
              MemorySegment memory = lend(buffer, arena);
              long filled = body.invoke(state, memory);
              if (filled > 0 && !buffer.isDirect()) {
                MemorySegment.ofBuffer(buffer).copyFrom(memory.asSlice(0, filled));
              }
              return filled;
            });
    return advance(buffer, result);
  }

  /** {@return the number of bytes that the call took from the buffer, or a negated errno} */
  static long drain(ByteBuffer buffer, Body body) {
    long result =
        NativeCall.repeat(
            (state, arena) -> {
              MemorySegment memory = lend(buffer, arena);
              if (!buffer.isDirect()) {
                memory.copyFrom(MemorySegment.ofBuffer(buffer).asSlice(0, memory.byteSize()));
              }
              return body.invoke(state, memory);
            });
    return advance(buffer, result);
  }

  private static MemorySegment lend(ByteBuffer buffer, Arena arena) {
    return buffer.isDirect()
        ? MemorySegment.ofBuffer(buffer)
        : arena.allocate(Math.min(buffer.remaining(), CHUNK_BYTES));
  }

  private static long advance(ByteBuffer buffer, long result) {
    if (result > 0) {
      buffer.position(buffer.position() + Math.toIntExact(result));
    }
    return result;
  }
}
