package io.gatun.snapshot.driver;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.durability.GroupSync;
import io.gatun.snapshot.durability.SyncFailures;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Syncs copies in new snapshots in the background.
 *
 * <p>Prepare does not wait for the sync: a copy becomes a layer only by a commit, which does wait.
 * Until it is synced, the driver treats the copy as unsynced and refuses it if the machine stops
 * before. One sync serves all waiting copies.
 */
public final class CopyFlusher implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(CopyFlusher.class);

  private final Driver driver;
  private final GroupSync filesystem;
  private final SyncFailures syncFailures;
  private final ThreadPoolExecutor thread;

  private Set<Long> waiting = new HashSet<>();

  public CopyFlusher(Driver driver, GroupSync filesystem, SyncFailures syncFailures) {
    this.driver = driver;
    this.filesystem = filesystem;
    this.syncFailures = syncFailures;
    // Most drivers never copy, so the thread is created on demand.
    this.thread =
        new ThreadPoolExecutor(
            1,
            1,
            0,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> new Thread(task, "gatun-settle"));
  }

  /**
   * Schedules the sync of a snapshot.
   *
   * @param id of a snapshot whose copy is complete
   */
  public synchronized void submit(long id) {
    if (waiting.isEmpty()) {
      thread.execute(this::flushWaiting);
    }
    waiting.add(id);
  }

  private synchronized Set<Long> takeWaiting() {
    Set<Long> taken = waiting;
    waiting = new HashSet<>();
    return taken;
  }

  private void flushWaiting() {
    Set<Long> ids = takeWaiting();
    try {
      filesystem.await(filesystem.mark());
    } catch (ErrnoException e) {
      // SyncFailures has logged the error and recorded the affected snapshots.
      return;
    } catch (RuntimeException e) {
      log.error("cannot sync copies", e);
      return;
    }
    for (long id : ids) {
      if (!syncFailures.concern(id)) {
        flush(id);
      }
    }
  }

  private void flush(long id) {
    try {
      driver.flush(id);
    } catch (ErrnoException e) {
      // A snapshot may be removed at any time.
      if (!e.is(Errno.ENOENT)) {
        log.warn("cannot record that a copy was synced id={} error={}", id, e.getMessage());
      }
    } catch (RuntimeException e) {
      // A bug, which must not affect other copies.
      log.error("cannot record that a copy was synced id={}", id, e);
    }
  }

  /** Waits for a sync in progress; the others are synced at the next start. */
  @Override
  public void close() {
    thread.getQueue().clear();
    thread.shutdown();
    boolean interrupted = false;
    while (!thread.isTerminated()) {
      try {
        thread.awaitTermination(1, TimeUnit.MINUTES);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
