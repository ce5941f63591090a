package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.concurrent.Outcomes;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Group commit for syncs: runs one sync for all callers that wait at the time.
 *
 * <p>One sync runs at a time. A caller that arrives during it may have written after its start, and
 * joins the next one; all callers of one sync share its outcome.
 *
 * <p>A failed sync affects all data written before it ended, including that of other callers: the
 * kernel drops the pages that it could not write, reports the error once, and the next sync
 * succeeds (fsync(2), "EIO"). Callers therefore take a {@link #mark} before they write.
 */
public final class GroupSync {

  /** Makes all data durable that was written before its start. */
  @FunctionalInterface
  public interface Sync {
    void run() throws ErrnoException;
  }

  private final Sync sync;

  /** The last sync that was started; it may have ended. */
  private @Nullable CompletableFuture<Void> last;

  /** The sync to join, not started yet. */
  private @Nullable CompletableFuture<Void> next;

  private long failures;
  private @Nullable ErrnoException lastFailure;

  public GroupSync(Sync sync) {
    this.sync = sync;
  }

  /** {@return a mark for {@link #await}, to be taken before writing} */
  public synchronized long mark() {
    return failures;
  }

  /**
   * Returns when the caller's writes since the mark are durable.
   *
   * @throws ErrnoException if any sync failed since the mark
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

  synchronized boolean hasFailed() {
    return failures > 0;
  }

  /**
   * Runs the caller's own sync, in parallel to the shared one. Its failure counts for all callers,
   * because the kernel reports it only once.
   *
   * @throws ErrnoException if it or any other sync failed since the mark
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
      // Its outcome was noted for callers with an earlier mark.
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
