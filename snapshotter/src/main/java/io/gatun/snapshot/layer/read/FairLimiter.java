package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Limits concurrency; waiting callers proceed in the order of arrival. */
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
   * Waits for the caller's turn, which ends with {@link #end}.
   *
   * @throws SnapshotException.ResourceExhausted if too many callers are waiting
   * @throws SnapshotException.Unavailable if the limiter is closed
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

  int waiting() {
    lock.lock();
    try {
      return waiting.size();
    } finally {
      lock.unlock();
    }
  }

  /** Refuses waiting and new callers, and waits for the running ones. */
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
