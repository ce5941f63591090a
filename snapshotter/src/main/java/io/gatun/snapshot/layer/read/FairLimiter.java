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
  private final Queue<Object> waiting = new ArrayDeque<>();
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
    try (var _ = cancellation.onCancel(() -> change(0))) {
      lock.lock();
      try {
        boolean hasToWait = running == runningMax || !waiting.isEmpty();
        if (hasToWait && waiting.size() >= waitingMax) {
          throw new SnapshotException.ResourceExhausted(
              "%d layers are being applied, and %d waiting".formatted(running, waiting.size()),
              null);
        }
        await(cancellation);
        running++;
      } finally {
        lock.unlock();
      }
    }
  }

  private void await(Cancellation cancellation) throws ApplyCancelledException {
    Object turn = new Object();
    waiting.add(turn);
    try {
      while (true) {
        cancellation.check();
        if (isClosed) {
          throw new SnapshotException.Unavailable("gatun is stopping", null);
        }
        if (running < runningMax && waiting.element().equals(turn)) {
          return;
        }
        changed.awaitUninterruptibly();
      }
    } finally {
      waiting.remove(turn);
      changed.signalAll();
    }
  }

  void end() {
    change(-1);
  }

  private void change(int difference) {
    lock.lock();
    try {
      running += difference;
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
}
