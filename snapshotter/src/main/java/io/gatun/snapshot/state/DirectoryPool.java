package io.gatun.snapshot.state;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.SyncFailures;
import io.gatun.snapshot.metadata.MetadataStore;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Directories that are created before a request needs them.
 *
 * <p>Making a directory durable takes longer than the rest of a request for a new snapshot. Most
 * snapshots start with the same directory, so a background thread creates some in advance, with one
 * sync for all. A request that takes one has only the record left to write. A request that finds
 * the pool empty creates its own.
 *
 * <p>A pooled directory is in its final place, because a rename would need another sync. A crash
 * leaves it as a directory without a record, which the next start deletes like any other; a clean
 * stop leaves none. The pool fills after the first request, and is deleted when no request has come
 * for a while, so an idle daemon has none.
 */
public final class DirectoryPool implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(DirectoryPool.class);

  /** The wait between attempts on a disk that may be full or broken. */
  private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** The idle time after the last request until the pool is deleted. */
  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final SnapshotDirectories directories;
  private final Driver driver;
  private final MetadataStore store;
  private final SyncFailures syncFailures;
  private final int wanted;
  private final Thread thread;

  private final Deque<SnapshotDirectories.PendingDirectory> pooled = new ArrayDeque<>();
  private boolean isStarted;
  private boolean isClosed;

  /** Whether a request has come since the pool was last deleted. */
  private boolean isWanted;

  private long takenNanos;
  private long nextAttemptNanos = System.nanoTime();

  /**
   * @param driver fills each directory
   * @param store gives each directory its id
   * @param wanted the size of the pool; 0 for no pool
   */
  DirectoryPool(
      SnapshotDirectories directories,
      Driver driver,
      MetadataStore store,
      SyncFailures syncFailures,
      int wanted) {
    this.directories = directories;
    this.driver = driver;
    this.store = store;
    this.syncFailures = syncFailures;
    this.wanted = wanted;
    this.thread = Thread.ofPlatform().name("gatun-spares").daemon().unstarted(this::run);
  }

  /** {@return a durable directory, which the caller owns; empty if the pool is} */
  public synchronized Optional<SnapshotDirectories.PendingDirectory> take() {
    isWanted = true;
    takenNanos = System.nanoTime();
    SnapshotDirectories.PendingDirectory taken = pooled.poll();
    // A snapshot with an id below a failed sync cannot be committed, although this one is still
    // empty.
    while (taken != null && syncFailures.concern(taken.id())) {
      taken.close();
      taken = pooled.poll();
    }
    if (belowLowWater() && wanted > 0) {
      if (!isStarted) {
        // The thread starts on first use, because some drivers never take a directory.
        isStarted = true;
        thread.start();
      }
      notifyAll();
    }
    return Optional.ofNullable(taken);
  }

  private synchronized boolean belowLowWater() {
    return pooled.size() <= wanted / 2;
  }

  private void run() {
    while (awaitWork()) {
      if (isWanted()) {
        fill();
      } else {
        takeAll().forEach(SnapshotDirectories.PendingDirectory::delete);
      }
    }
  }

  private synchronized boolean isWanted() {
    return isWanted;
  }

  /** {@return true when there is work, and false when the pool is closed} */
  private synchronized boolean awaitWork() {
    while (!isClosed) {
      long idleFor = System.nanoTime() - takenNanos;
      isWanted = isWanted && idleFor < IDLE_NANOS;
      // After a failure, the first request after the wait starts the next attempt.
      boolean isDue =
          isWanted
              ? belowLowWater() && System.nanoTime() - nextAttemptNanos >= 0
              : !pooled.isEmpty();
      if (isDue) {
        return true;
      }
      try {
        wait(isWanted ? 1 + TimeUnit.NANOSECONDS.toMillis(IDLE_NANOS - idleFor) : 0);
      } catch (InterruptedException e) {
        // Only the end of the JVM interrupts this thread; close() stops it otherwise.
        isClosed = true;
      }
    }
    return false;
  }

  private void fill() {
    try {
      add(directories.createAll(store::nextId, missing(), this::fill));
    } catch (ErrnoException | SnapshotException e) {
      log.warn(
          "cannot make directories in advance now, so each snapshot waits for its own error={}",
          e.getMessage());
      retryLater();
    } catch (RuntimeException e) {
      // A bug, which must not stop the creation of snapshots.
      log.error("cannot make directories in advance", e);
      retryLater();
    }
  }

  /**
   * Fills a directory and yields the processor. The request that took a directory still runs and
   * waits for the disk; it and the kernel threads that serve it must not wait for the end of a time
   * slice as well.
   */
  @SuppressWarnings("ThreadPriorityCheck")
  private void fill(Fd directory) throws ErrnoException {
    driver.create(directory, Chain.blank(Chains.NO_ID));
    Thread.yield();
  }

  private synchronized int missing() {
    return wanted - pooled.size();
  }

  private synchronized void add(List<SnapshotDirectories.PendingDirectory> made) {
    pooled.addAll(made);
  }

  private synchronized void retryLater() {
    nextAttemptNanos = System.nanoTime() + RETRY_NANOS;
  }

  /** Stops the thread and deletes the remaining directories. No request may be running. */
  @Override
  public void close() {
    synchronized (this) {
      isClosed = true;
      notifyAll();
    }
    // The thread finishes the directories that it is creating.
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    takeAll().forEach(SnapshotDirectories.PendingDirectory::delete);
  }

  private synchronized List<SnapshotDirectories.PendingDirectory> takeAll() {
    List<SnapshotDirectories.PendingDirectory> all = List.copyOf(pooled);
    pooled.clear();
    return all;
  }
}
