package io.gatun.server.rpc;

import java.util.concurrent.atomic.AtomicReference;

/**
 * A request's work that waits for a thread. It either runs or is dropped; only then is the
 * request's memory released.
 */
final class PendingWork implements Runnable {

  private final RequestBudget request;
  private final AtomicReference<Runnable> work;

  PendingWork(RequestBudget request, Runnable work) {
    this.request = request;
    this.work = new AtomicReference<>(work);
    request.hold();
  }

  @Override
  public void run() {
    Runnable taken = work.getAndSet(null);
    if (taken != null) {
      try {
        taken.run();
      } finally {
        request.release();
      }
    }
  }

  /** Drops the work if it has not begun. */
  void drop() {
    if (work.getAndSet(null) != null) {
      request.release();
    }
  }
}
