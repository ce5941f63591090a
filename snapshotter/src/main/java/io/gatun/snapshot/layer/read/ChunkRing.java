package io.gatun.snapshot.layer.read;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Chunks on their way from the thread that fills them to those that read them. A chunk is filled
 * again when all have gone on to the next one; so whoever is fast waits for whoever is slow. The
 * first failure of anybody is what all of them see from then on.
 *
 * <pre>
 *   chunk     0 ... | n         ... | m          ... | k
 *             free  | held or       | held or not    | free, up to chunksMax
 *                   | to be read by | yet read by    | after the slowest
 *                   | the slow one  | the fast one   | reader
 * </pre>
 */
final class ChunkRing {

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
   * @param memory the chunk with a number below {@code chunksMax}, always the same one
   */
  ChunkRing(IntFunction<ByteBuffer> memory, int chunksMax) {
    this.memory = memory;
    this.chunksMax = chunksMax;
  }

  /** {@return one more of those that read every chunk, before the first is filled} */
  Reader addReader() {
    Reader reader = new Reader();
    readers.add(reader);
    return reader;
  }

  /** {@return the next chunk to be filled, empty, as soon as there is one} */
  ByteBuffer room() throws ApplyStoppedException {
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
   * Hands on the chunk that {@link #room} gave, with what is in it before its position.
   *
   * @param isLast whether no other one follows
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

  /** {@return how many chunks nobody needs any more} */
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

  /** One of those that read, for one thread at a time. */
  final class Reader {
    /** How many chunks it does not need any more. */
    private long done;

    private boolean isHolding;

    private Reader() {}

    /**
     * {@return the next chunk, as soon as there is one, for reading only and until the next call;
     * nothing remains in it after the last} The one before is given back.
     */
    ByteBuffer next() throws ApplyStoppedException {
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
  }

  /** Stops everybody, unless somebody has done so before. */
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

  /**
   * @throws ApplyStoppedException if anybody has failed
   */
  void check() throws ApplyStoppedException {
    Throwable cause = failure;
    if (cause != null) {
      throw new ApplyStoppedException(cause);
    }
  }

  /** {@return the first failure, if there is one} */
  @Nullable Throwable failure() {
    return failure;
  }
}
