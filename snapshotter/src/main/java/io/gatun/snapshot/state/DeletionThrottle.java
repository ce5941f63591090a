package io.gatun.snapshot.state;

import io.gatun.snapshot.filetree.TreeDeletion;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Limits how fast removed snapshots are deleted, in files and directories a second, so that the
 * journal of the filesystem has room for other work. The rate is far lower while layers are
 * unpacked, because clients wait for those. It stays high on a full disk, where deletions free the
 * space that the clients need.
 *
 * <p>Each file counts as one, whatever its length: the kernel frees blocks without reading or
 * writing them. A file of 4 GiB takes 3 ms on ext4, and less than 1 ms on XFS. Extents and cached
 * pages do add cost, but the length does not reveal them.
 */
public final class DeletionThrottle implements TreeDeletion.Pace, AutoCloseable {

  static final int FILES_PER_SECOND_MAX = 100_000;
  static final int FILES_PER_SECOND_MAX_BESIDE_UNPACKS = 5_000;

  /** Shorter waits accumulate, because a thread cannot sleep for less. */
  private static final long WAIT_NANOS_MIN = TimeUnit.MILLISECONDS.toNanos(2);

  /** The limit of unused time that later deletions may spend. */
  private static final long SAVED_NANOS_MAX = TimeUnit.MILLISECONDS.toNanos(10);

  /** The rate is chosen again after this many files. */
  private static final int LOOK_EVERY = 64;

  private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final BooleanSupplier areUnpacking;
  private final BooleanSupplier isDiskLow;
  private final LongSupplier nanoTime;

  /** When the next file is due. */
  private long due;

  private long costNanos = SECOND_NANOS / FILES_PER_SECOND_MAX;
  private int untilLook;
  private boolean closed;

  /**
   * @param nanoTime {@link System#nanoTime}, or the clock of a test
   */
  public DeletionThrottle(
      BooleanSupplier areUnpacking, BooleanSupplier isDiskLow, LongSupplier nanoTime) {
    this.areUnpacking = areUnpacking;
    this.isDiskLow = isDiskLow;
    this.nanoTime = nanoTime;
    this.due = nanoTime.getAsLong();
  }

  /**
   * Waits until the next file may be removed.
   *
   * @throws CancellationException once this is closed
   */
  @Override
  public synchronized void await() {
    long left = take();
    long until = due;
    boolean interrupted = false;
    while (left >= WAIT_NANOS_MIN && !closed) {
      try {
        TimeUnit.NANOSECONDS.timedWait(this, left);
      } catch (InterruptedException e) {
        interrupted = true;
      }
      left = until - nanoTime.getAsLong();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (closed) {
      throw new CancellationException("the daemon stops");
    }
  }

  /** {@return how many nanoseconds to wait before the next file, which this call charges} */
  synchronized long take() {
    if (untilLook-- == 0) {
      untilLook = LOOK_EVERY - 1;
      boolean isSlow = areUnpacking.getAsBoolean() && !isDiskLow.getAsBoolean();
      costNanos =
          SECOND_NANOS / (isSlow ? FILES_PER_SECOND_MAX_BESIDE_UNPACKS : FILES_PER_SECOND_MAX);
    }
    long now = nanoTime.getAsLong();
    due = Math.max(due, now - SAVED_NANOS_MAX) + costNanos;
    return due - now;
  }

  /** Cancels all waiting deletions. */
  @Override
  public synchronized void close() {
    closed = true;
    notifyAll();
  }
}
