package io.gatun.linux;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.function;

import java.lang.invoke.MethodHandle;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An open file descriptor, which only {@link #close} closes. Every descriptor is close-on-exec.
 *
 * <p>Closing twice is harmless, and a closed descriptor cannot be used again. As in C, the caller
 * of close must ensure that no other thread is inside a call on it, because the kernel gives its
 * number to the next opened file.
 */
public final class Fd implements AutoCloseable {

  static final int AT_FDCWD = -100;

  private static final MethodHandle CLOSE = function("close", INT, INT);

  /**
   * The start of relative paths by default ({@code AT_FDCWD}). Closing it does nothing. Ignored
   * with an absolute path.
   */
  public static final Fd CURRENT_DIRECTORY = new Fd(AT_FDCWD, null, LinuxPath.EMPTY);

  /** {@code STDOUT_FILENO}. */
  public static final Fd STANDARD_OUTPUT = new Fd(1, null, LinuxPath.of("stdout"));

  private static final int CLOSED = -1;

  private final AtomicInteger number;
  private final Origin origin;

  /** Linked, and joined only for a message: most descriptors never need one. */
  private record Origin(@Nullable Origin directory, LinuxPath name) {
    LinuxPath path() {
      return directory == null ? name : directory.path().resolve(name);
    }
  }

  private Fd(int number, @Nullable Origin directory, LinuxPath name) {
    this.number = new AtomicInteger(number);
    this.origin = new Origin(directory, name);
  }

  public static Fd opened(int number, Fd directory, LinuxPath name) {
    return new Fd(number, name.isAbsolute() ? null : directory.origin, name);
  }

  /** {@return a descriptor without a path, such as a filesystem context} */
  public static Fd opened(int number, String description) {
    return new Fd(number, null, LinuxPath.of(description));
  }

  /**
   * {@return the number of the descriptor}
   *
   * @throws IllegalStateException if it is closed
   */
  public int number() {
    int current = number.get();
    if (current == CLOSED) {
      throw new IllegalStateException("descriptor is closed: " + path());
    }
    return current;
  }

  public boolean isOpen() {
    return number.get() != CLOSED;
  }

  /** {@return the path under which it was opened; the file may have been moved since} */
  public LinuxPath path() {
    return origin.path();
  }

  /**
   * Closes it. Linux releases the number even if close(2) fails, and the call is never repeated.
   * Write errors are not reported here; only fsync(2) reports them reliably.
   *
   * @throws IllegalStateException if the number was closed elsewhere, which may have closed a file
   *     of other code
   */
  @Override
  public void close() {
    if (this == CURRENT_DIRECTORY) {
      return;
    }
    int last = number.getAndSet(CLOSED);
    if (last != CLOSED && close(last) == -Errno.EBADF.number()) {
      throw new IllegalStateException("descriptor " + last + " was not open: " + path());
    }
  }

  /**
   * {@return 0 or a negated errno} Never repeated: Linux has released the number even after EINTR.
   */
  static long close(int number) {
    return NativeCall.once((state, arena) -> (int) CLOSE.invokeExact(state, number));
  }

  @Override
  public String toString() {
    int current = number.get();
    return (current == CLOSED ? "closed fd (" : "fd " + current + " (") + path() + ")";
  }
}
