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
 * Brings what a driver copied into new snapshots to the disk, in the background.
 *
 * <p>Who prepares a snapshot does not wait for that: a copy is not a layer yet, and becomes one
 * only by a commit, which does wait. Until a copy is on the disk the driver knows it as unsettled,
 * and refuses it if the machine stops before. One sync serves all copies that wait for one.
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
    // The thread is made for the first copy: with most drivers there never is one.
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
   * Settles a snapshot some time soon.
   *
   * @param id the snapshot's id; all that the driver copies into it has been copied
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
      // SyncFailures has said so in the log, and remembers whom it concerns.
      return;
    } catch (RuntimeException e) {
      log.error("cannot bring copies to the disk", e);
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
        log.warn("cannot note that a copy is on the disk id={} error={}", id, e.getMessage());
      }
    } catch (RuntimeException e) {
      // A bug; it must not keep other copies from being settled.
      log.error("cannot note that a copy is on the disk id={}", id, e);
    }
  }

  /** Stops after the sync that is under way, if any; the others' turn comes at the next start. */
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
