package io.gatun.snapshot.apply.tree;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How much of the heap may be taken by what is kept of the directories of all layers that are being
 * written. An image decides how many there are, and a heap that is full ends the daemon.
 */
final class HeapBudget {

  /** A third of the daemon's heap, which is enough for some 75,000 directories. */
  static final HeapBudget OF_PROCESS = new HeapBudget(20L << 20);

  private final AtomicLong leftBytes;

  HeapBudget(long bytes) {
    this.leftBytes = new AtomicLong(bytes);
  }

  /** Takes some of it, also if that is more than is left. */
  void take(long bytes) {
    leftBytes.addAndGet(-bytes);
  }

  void give(long bytes) {
    leftBytes.addAndGet(bytes);
  }

  boolean isExceeded() {
    return leftBytes.get() < 0;
  }
}
