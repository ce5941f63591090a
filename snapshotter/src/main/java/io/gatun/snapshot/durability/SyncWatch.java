package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Observes syncs of a disk: the kernel reports a failure only once, and it may have lost data of
 * other writers.
 */
public interface SyncWatch {

  /** A sync of any kind. */
  @FunctionalInterface
  interface Sync {
    void run() throws ErrnoException;
  }

  /** Runs a sync and notes its failure. */
  void run(Sync sync) throws ErrnoException;

  /** {@return the number of failed syncs of all callers} */
  long failures();

  /** {@return a watch for a disk without other writers} */
  static SyncWatch alone() {
    AtomicLong failures = new AtomicLong();
    return new SyncWatch() {
      @Override
      public void run(Sync sync) throws ErrnoException {
        try {
          sync.run();
        } catch (ErrnoException e) {
          failures.incrementAndGet();
          throw e;
        }
      }

      @Override
      public long failures() {
        return failures.get();
      }
    };
  }
}
