package io.gatun.snapshot.root;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Fcntl;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Takes the lock of a root, and waits briefly for an owner that is ending.
 *
 * <p>flock(2) releases it with the last descriptor. A killed process holds one until the kernel has
 * torn it down, and a child process until it calls exec.
 */
final class RootLock {

  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private RootLock() {}

  /**
   * @param refusal the message if another process keeps the lock
   * @throws UnusableRootException in that case
   */
  static void take(Fd file, String refusal) throws ErrnoException, UnusableRootException {
    long deadline = System.nanoTime() + WAIT_NANOS;
    while (true) {
      boolean isLast = System.nanoTime() - deadline >= 0;
      try {
        Fcntl.flock(file);
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
