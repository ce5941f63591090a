package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Lets so many go on at once, and others wait in the order in which they came. */
final class FairLimiter {

  private final int runningMax;
  private final int waitingMax;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Queue<Long> waiting = new ArrayDeque<>();
  private long ticketLast;
  private int running;
  private boolean isClosed;

  FairLimiter(int runningMax, int waitingMax) {
    this.runningMax = runningMax;
    this.waitingMax = waitingMax;
  }

  /**
   * Waits until it is the caller's turn, which then ends with {@link #end}.
   *
   * @throws SnapshotException.ResourceExhausted if too many are waiting already
   * @throws SnapshotException.Unavailable if there are no turns any more
   */
  void begin(Cancellation cancellation) throws ApplyCancelledException {
    Cancellation.Registration registration = cancellation.onCancel(this::wake);
    lock.lock();
    try {
      boolean hasToWait = running == runningMax || !waiting.isEmpty();
      if (hasToWait && waiting.size() >= waitingMax) {
        throw new SnapshotException.ResourceExhausted(
            "%d layers are being applied, and %d waiting".formatted(running, waiting.size()), null);
      }
      await(cancellation);
      running++;
    } finally {
      lock.unlock();
      registration.close();
    }
  }

  private void await(Cancellation cancellation) throws ApplyCancelledException {
    long ticket = ticketLast++;
    waiting.add(ticket);
    try {
      while (true) {
        cancellation.check();
        requireOpen();
        if (running < runningMax && waiting.element() == ticket) {
          return;
        }
        changed.awaitUninterruptibly();
      }
    } finally {
      waiting.remove(ticket);
      changed.signalAll();
    }
  }

  void end() {
    lock.lock();
    try {
      running--;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** {@return how many are waiting} */
  int waiting() {
    lock.lock();
    try {
      return waiting.size();
    } finally {
      lock.unlock();
    }
  }

  /** Sends away those who wait or come, and waits for those whose turn it is. */
  void close() {
    lock.lock();
    try {
      isClosed = true;
      changed.signalAll();
      while (running > 0) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    if (isClosed) {
      throw new SnapshotException.Unavailable("gatun is stopping", null);
    }
  }

  private void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
