package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Somebody who has to know if the disk fails to sync, since the kernel says so once, and may have
 * given up what others have written, too.
 */
public interface SyncWatch {

  /** What brings something to the disk. */
  @FunctionalInterface
  interface Sync {
    void run() throws ErrnoException;
  }

  /** Runs a sync, and takes note of it if it fails. */
  void run(Sync sync) throws ErrnoException;

  /** {@return how many syncs have failed, whosever they were} */
  long failures();

  /** {@return one for a disk to which nobody else writes} */
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
