package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.concurrent.Outcomes;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Runs one sync for all who wait for it at the time.
 *
 * <p>One sync runs at once. Who comes while it runs may have written after it started, so he joins
 * the one after it; all who join the same one share its outcome.
 *
 * <p>A sync that fails takes with it everything that was written before it ended, not only what was
 * written by those who wait for it: the kernel gives up the pages that it could not write, says so
 * once, and the next sync succeeds without them (fsync(2), "EIO"). So who writes asks for a {@link
 * #mark} first.
 */
public final class GroupSync {

  /** What makes everything durable that was written before it started. */
  @FunctionalInterface
  public interface Sync {
    void run() throws ErrnoException;
  }

  private final Sync sync;

  /** The last one that was started; it may have ended. */
  private @Nullable CompletableFuture<Void> last;

  /** The one to join, which has not been started. */
  private @Nullable CompletableFuture<Void> next;

  private long failures;
  private @Nullable ErrnoException lastFailure;

  public GroupSync(Sync sync) {
    this.sync = sync;
  }

  /** {@return what to give to {@link #await}; to be asked for before writing} */
  public synchronized long mark() {
    return failures;
  }

  /**
   * Returns when everything that the caller has written since the mark is durable.
   *
   * @throws ErrnoException if a sync has failed since the mark, whoever waited for it
   */
  public void await(long mark) throws ErrnoException {
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
    requireNoFailure(mark);
  }

  /** {@return whether any sync has ever failed} */
  synchronized boolean hasFailed() {
    return failures > 0;
  }

  /**
   * Runs a sync of the caller's own, of what nobody else waits for, beside whatever goes on here.
   * If it fails, that concerns all the others, too, since the kernel says so only once.
   *
   * @throws ErrnoException if it has failed, or any other since the mark
   */
  void runAlone(long mark, Sync own) throws ErrnoException {
    try {
      own.run();
    } catch (ErrnoException e) {
      note(e);
      throw e;
    }
    requireNoFailure(mark);
  }

  private synchronized void note(ErrnoException failure) {
    failures++;
    lastFailure = failure;
  }

  private synchronized void requireNoFailure(long mark) throws ErrnoException {
    if (lastFailure != null && failures != mark) {
      throw lastFailure;
    }
  }

  private void lead(CompletableFuture<Void> mine, @Nullable CompletableFuture<Void> before) {
    if (before != null) {
      // How it ends matters to those who have a mark from before that.
      before.exceptionally(_ -> null).join();
    }
    synchronized (this) {
      last = mine;
      next = null;
    }
    try {
      sync.run();
      mine.complete(null);
    } catch (ErrnoException e) {
      note(e);
      mine.completeExceptionally(e);
    } catch (RuntimeException | Error e) {
      mine.completeExceptionally(e);
    }
  }
}
