package io.gatun.snapshot.state;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.durability.SyncFailures;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Directories of snapshots that nobody has asked for yet.
 *
 * <p>To make a directory durable takes longer than all else that a request for a new snapshot does.
 * Most snapshots begin with the same directory, so some are made in advance, in the background,
 * with one sync for all of them; who takes one has only the record left to write. When there is
 * none, a request makes its own.
 *
 * <p>A spare is in its final place, as a rename would have to be synced again. So what a crash
 * leaves is a directory without a record, like any other, and is deleted at the next start; a clean
 * stop leaves none. The first request of a daemon makes the first of them come to be, and when none
 * has come for a while they are deleted: a daemon that is asked for nothing has none.
 */
public final class DirectoryPool implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(DirectoryPool.class);

  /** Between attempts on a disk that may be full or broken. */
  private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Between the last request and the end of them. */
  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final SnapshotDirectories directories;
  private final SnapshotDirectories.Filler filler;
  private final LongSupplier ids;
  private final SyncFailures syncFailures;
  private final int wanted;
  private final Thread thread;

  private final Deque<SnapshotDirectories.PendingDirectory> pooled = new ArrayDeque<>();
  private boolean isStarted;
  private boolean isClosed;

  /** Whether somebody has asked for one since they were deleted. */
  private boolean isWanted;

  private long takenNanos;
  private long nextAttemptNanos = System.nanoTime();

  /**
   * @param filler fills each of them
   * @param ids gives out their ids
   * @param wanted how many there are to be; none at all if that is 0
   */
  DirectoryPool(
      SnapshotDirectories directories,
      SnapshotDirectories.Filler filler,
      LongSupplier ids,
      SyncFailures syncFailures,
      int wanted) {
    this.directories = directories;
    this.filler = filler;
    this.ids = ids;
    this.syncFailures = syncFailures;
    this.wanted = wanted;
    this.thread = Thread.ofPlatform().name("gatun-spares").daemon().unstarted(this::run);
  }

  /** {@return a durable directory, if there is one, which is the caller's from now on} */
  public synchronized Optional<SnapshotDirectories.PendingDirectory> take() {
    isWanted = true;
    takenNanos = System.nanoTime();
    SnapshotDirectories.PendingDirectory taken = pooled.poll();
    // What has such an id is never committed; that nothing was in it does not matter to that.
    while (taken != null && syncFailures.concern(taken.id())) {
      taken.close();
      taken = pooled.poll();
    }
    if (belowLowWater() && wanted > 0) {
      if (!isStarted) {
        // With some drivers nobody ever asks.
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

  /** {@return whether there is any, and not the end} */
  private synchronized boolean awaitWork() {
    while (!isClosed) {
      long idleFor = System.nanoTime() - takenNanos;
      isWanted = isWanted && idleFor < IDLE_NANOS;
      // After a failure, the next request that comes late enough has it tried again.
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
        // Nobody interrupts this thread but a JVM that ends; close() is how it is stopped.
        isClosed = true;
      }
    }
    return false;
  }

  private void fill() {
    try {
      add(directories.createAll(ids, missing(), this::fill));
    } catch (ErrnoException | SnapshotException e) {
      log.warn(
          "cannot make directories in advance now, so each snapshot waits for its own error={}",
          e.getMessage());
      retryLater();
    } catch (RuntimeException e) {
      // A bug; it must not keep snapshots from being made.
      log.error("cannot make directories in advance", e);
      retryLater();
    }
  }

  /**
   * The request that has taken one is under way meanwhile, and waits for the disk. It, and the
   * kernel's threads that serve it, are not to wait for the end of a time slice as well.
   */
  @SuppressWarnings("ThreadPriorityCheck")
  private void fill(Fd directory) throws ErrnoException {
    filler.fill(directory);
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

  /** Deletes those that nobody has taken. No request may be under way any more. */
  @Override
  public void close() {
    synchronized (this) {
      isClosed = true;
      notifyAll();
    }
    // What is being made is finished first.
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
