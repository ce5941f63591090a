package io.gatun.snapshot.layer.pack;

import io.gatun.linux.NativeBuffer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Passes a limited number of chunks of a tar from the thread that writes it to the one that reads
 * it, so the faster one waits. After the first failure, both threads fail.
 */
final class ChunkExchange implements AutoCloseable {

  /** Chunk number {@code n} is at {@code n % chunks.length}. */
  private final NativeBuffer[] chunks;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private long filled;
  private long taken;
  private boolean isHolding;
  private boolean isEnded;
  private @Nullable Throwable failure;

  ChunkExchange(int chunkBytes, int chunkCount) {
    chunks = new NativeBuffer[chunkCount];
    for (int i = 0; i < chunkCount; i++) {
      chunks[i] = new NativeBuffer(chunkBytes);
    }
  }

  /** {@return the next chunk to fill, empty; blocks until there is one} */
  ByteBuffer room() throws StoppedException {
    lock.lock();
    try {
      while (filled - taken == chunks.length) {
        check();
        changed.awaitUninterruptibly();
      }
      check();
      return chunk(filled).clear();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Publishes the chunk from {@link #room}, filled up to its position.
   *
   * @param isLast whether no further chunk follows
   */
  void fill(ByteBuffer chunk, boolean isLast) {
    chunk.flip();
    lock.lock();
    try {
      filled++;
      isEnded = isLast;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * {@return the next chunk, valid until the next call; null after the last} Releases the one
   * before and blocks until there is a chunk.
   */
  @Nullable ByteBuffer next() throws StoppedException {
    lock.lock();
    try {
      if (isHolding) {
        isHolding = false;
        taken++;
        changed.signalAll();
      }
      while (taken == filled && !isEnded) {
        check();
        changed.awaitUninterruptibly();
      }
      check();
      if (taken == filled) {
        return null;
      }
      isHolding = true;
      return chunk(taken);
    } finally {
      lock.unlock();
    }
  }

  /** {@return whether the chunk from {@link #next} is the last one} */
  boolean isLast() {
    lock.lock();
    try {
      return isEnded && taken + 1 == filled;
    } finally {
      lock.unlock();
    }
  }

  /** Stops both threads; only the first failure is kept. */
  void fail(Throwable cause) {
    lock.lock();
    try {
      if (failure == null) {
        failure = cause;
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  @Nullable Throwable failure() {
    lock.lock();
    try {
      return failure;
    } finally {
      lock.unlock();
    }
  }

  private void check() throws StoppedException {
    if (failure != null) {
      throw new StoppedException();
    }
  }

  private ByteBuffer chunk(long number) {
    return chunks[(int) (number % chunks.length)].buffer();
  }

  /** Frees the memory after both threads have ended. */
  @Override
  public void close() {
    for (NativeBuffer chunk : chunks) {
      chunk.close();
    }
  }

  /** The other thread has failed. */
  static final class StoppedException extends IOException {
    private static final long serialVersionUID = 1L;
  }
}
