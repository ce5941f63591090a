package io.gatun.snapshot.concurrent;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Passes chunks from the thread that fills them to those that read them. A chunk is reused once all
 * readers have moved past it, so fast threads wait for slow ones. After the first failure, all
 * threads fail.
 *
 * <pre>
 *   chunk     0 ... | n         ... | m          ... | k
 *             free  | held or       | held or not    | free, up to chunksMax
 *                   | to be read by | yet read by    | after the slowest
 *                   | the slow one  | the fast one   | reader
 * </pre>
 */
public final class ChunkRing {

  /** Stops a thread after another one has failed. */
  public static final class StoppedException extends IOException {

    private static final long serialVersionUID = 1L;

    private StoppedException(Throwable failure) {
      super("another thread has failed", failure);
    }
  }

  private static final ByteBuffer NOTHING = ByteBuffer.allocateDirect(0).asReadOnlyBuffer();

  private final IntFunction<ByteBuffer> memory;
  private final int chunksMax;
  private final List<Reader> readers = new ArrayList<>();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private long filled;
  private boolean isEnded;
  private volatile @Nullable Throwable failure;

  /**
   * @param memory returns the chunk with a number below {@code chunksMax}, always the same one
   */
  public ChunkRing(IntFunction<ByteBuffer> memory, int chunksMax) {
    this.memory = memory;
    this.chunksMax = chunksMax;
  }

  /** Adds a reader of every chunk; to be called before the first is filled. */
  public Reader addReader() {
    Reader reader = new Reader();
    readers.add(reader);
    return reader;
  }

  /** {@return the next chunk to fill, empty; blocks until there is one} */
  public ByteBuffer room() throws StoppedException {
    lock.lock();
    try {
      while (filled - done() == chunksMax) {
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
  public void fill(ByteBuffer chunk, boolean isLast) {
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

  /** {@return the number of chunks that all readers have finished} */
  private long done() {
    long least = filled;
    for (Reader reader : readers) {
      least = Math.min(least, reader.done);
    }
    return least;
  }

  private ByteBuffer chunk(long number) {
    return memory.apply((int) (number % chunksMax));
  }

  /** A reader, for one thread at a time. */
  public final class Reader {
    /** The number of chunks that it has finished. */
    private long done;

    private boolean isHolding;

    private Reader() {}

    /**
     * {@return the next chunk, read-only and valid until the next call; empty after the last}
     * Releases the one before and blocks until there is a chunk.
     */
    public ByteBuffer next() throws StoppedException {
      lock.lock();
      try {
        if (isHolding) {
          isHolding = false;
          done++;
          changed.signalAll();
        }
        while (done == filled && !isEnded) {
          check();
          changed.awaitUninterruptibly();
        }
        check();
        if (done == filled) {
          return NOTHING;
        }
        isHolding = true;
        return chunk(done).asReadOnlyBuffer();
      } finally {
        lock.unlock();
      }
    }

    /** {@return whether no other chunk follows the one from {@link #next}} */
    public boolean isLast() {
      lock.lock();
      try {
        return isEnded && done + 1 == filled;
      } finally {
        lock.unlock();
      }
    }
  }

  /** Stops all threads; only the first failure is kept. */
  public void fail(Throwable cause) {
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

  /**
   * @throws StoppedException if a thread has failed
   */
  public void check() throws StoppedException {
    Throwable cause = failure;
    if (cause != null) {
      throw new StoppedException(cause);
    }
  }

  /** {@return the first failure, if there is one} */
  public @Nullable Throwable failure() {
    return failure;
  }
}
