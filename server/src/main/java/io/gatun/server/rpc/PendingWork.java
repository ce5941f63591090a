package io.gatun.server.rpc;

import java.util.concurrent.atomic.AtomicReference;

/**
 * Work on a request that waits for a thread. It is done or dropped, whichever comes first; what the
 * request takes of memory is given back after that, and not before.
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

  /** Lets go of the work if it has not begun. */
  void drop() {
    if (work.getAndSet(null) != null) {
      request.release();
    }
  }
}
