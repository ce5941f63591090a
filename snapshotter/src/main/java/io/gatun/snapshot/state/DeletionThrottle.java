package io.gatun.snapshot.state;

import io.gatun.snapshot.filetree.TreeDeletion;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * How fast snapshots that are gone are deleted: so many files and directories a second that the
 * journal of the filesystem has room for others, and far fewer while layers are unpacked, which
 * somebody waits for. Unless it is room that is lacking: then deleting is what helps them.
 *
 * <p>A file counts as one however long it is. What is freed is not read or written: one of 4 GiB is
 * gone in 3 ms on ext4, and in less than one on XFS. What makes more of it, extents and pages in
 * memory, a length does not tell.
 */
public final class DeletionThrottle implements TreeDeletion.Pace, AutoCloseable {

  static final int FILES_PER_SECOND_MAX = 100_000;
  static final int FILES_PER_SECOND_MAX_BESIDE_UNPACKS = 5_000;

  /** Shorter waits are saved up, since a thread sleeps no shorter anyway. */
  private static final long WAIT_NANOS_MIN = TimeUnit.MILLISECONDS.toNanos(2);

  /** How much time that was not used counts later. */
  private static final long SAVED_NANOS_MAX = TimeUnit.MILLISECONDS.toNanos(10);

  /** What others do is looked at once in so many files. */
  private static final int LOOK_EVERY = 64;

  private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final BooleanSupplier areUnpacking;
  private final BooleanSupplier isDiskLow;
  private final LongSupplier nanoTime;

  /** When the next one is due. */
  private long due;

  private long costNanos = SECOND_NANOS / FILES_PER_SECOND_MAX;
  private int untilLook;
  private boolean closed;

  /**
   * @param nanoTime {@link System#nanoTime}, or a clock of a test's own
   */
  public DeletionThrottle(
      BooleanSupplier areUnpacking, BooleanSupplier isDiskLow, LongSupplier nanoTime) {
    this.areUnpacking = areUnpacking;
    this.isDiskLow = isDiskLow;
    this.nanoTime = nanoTime;
    this.due = nanoTime.getAsLong();
  }

  /**
   * Returns when the next file may be removed.
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

  /** {@return how long to wait before the next one, which is taken} */
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

  /** Ends all waiting, and whatever is deleted. */
  @Override
  public synchronized void close() {
    closed = true;
    notifyAll();
  }
}
