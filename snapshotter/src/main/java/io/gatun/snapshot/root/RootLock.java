package io.gatun.snapshot.root;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LockOperation;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Takes the lock of a root, for which whoever has it may be about to end.
 *
 * <p>It goes with the last descriptor of its file (flock(2)), which a process that was killed has
 * until the kernel has taken it down, and a child of its until that runs a program of its own.
 */
final class RootLock {

  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private RootLock() {}

  /**
   * @param refusal what is said if somebody else has it, and keeps it
   * @throws UnusableRootException if so
   */
  static void take(Fd file, String refusal) throws ErrnoException, UnusableRootException {
    long deadline = System.nanoTime() + WAIT_NANOS;
    while (true) {
      boolean isLast = System.nanoTime() - deadline >= 0;
      try {
        Fcntl.flock(file, LockOperation.TRY_EXCLUSIVE);
        return;
      } catch (ErrnoException e) {
        if (!e.is(Errno.EAGAIN)) {
          throw e;
        }
        if (isLast) {
          throw new UnusableRootException(refusal, e);
        }
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }
}
