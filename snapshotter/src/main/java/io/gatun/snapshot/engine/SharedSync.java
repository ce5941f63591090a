package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Runs one sync for all who wait for it at the time.
 *
 * <p>One sync runs at once. Who comes while it runs may have written after it started, so he joins
 * the one after it; all who join the same one share its outcome.
 */
final class SharedSync {

  /** What makes everything durable that was written before it started. */
  @FunctionalInterface
  interface Sync {
    void run() throws ErrnoException;
  }

  private final Sync sync;

  /** The last one that was started; it may have ended. */
  private @Nullable CompletableFuture<Void> last;

  /** The one to join, which has not been started. */
  private @Nullable CompletableFuture<Void> next;

  SharedSync(Sync sync) {
    this.sync = sync;
  }

  /** Returns when everything that the caller wrote before is durable. */
  void await() throws ErrnoException {
    CompletableFuture<Void> mine;
    CompletableFuture<Void> before = null;
    boolean leads = false;
    synchronized (this) {
      if (next == null) {
        next = new CompletableFuture<>();
        before = last;
        leads = true;
      }
      mine = next;
    }
    if (leads) {
      lead(mine, before);
    }
    Outcomes.await(mine);
  }

  private void lead(CompletableFuture<Void> mine, @Nullable CompletableFuture<Void> before) {
    if (before != null) {
      // How it ends concerns only those who joined it.
      before.exceptionally(_ -> null).join();
    }
    synchronized (this) {
      last = mine;
      next = null;
    }
    try {
      sync.run();
      mine.complete(null);
    } catch (ErrnoException | RuntimeException | Error e) {
      mine.completeExceptionally(e);
    }
  }
}
