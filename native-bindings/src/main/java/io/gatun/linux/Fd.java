package io.gatun.linux;

import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An open file descriptor, which closes when it is told to and at no other time. Every descriptor
 * is close-on-exec.
 *
 * <p>Closing twice is harmless, and a closed descriptor cannot be used again. But as in C, who
 * closes a descriptor must know that no other thread is still inside a call on it, since the kernel
 * gives its number to the next file that is opened.
 */
public final class Fd implements AutoCloseable {

  /**
   * Where relative paths start if nothing else is said ({@code AT_FDCWD}). Closing it does nothing.
   * Used with an absolute path, it does not matter what it is.
   */
  public static final Fd CURRENT_DIRECTORY = new Fd(Abi.AT_FDCWD, null, LinuxPath.EMPTY);

  /** Where a program prints ({@code STDOUT_FILENO}). */
  public static final Fd STANDARD_OUTPUT = new Fd(1, null, LinuxPath.of("stdout"));

  private static final int CLOSED = -1;

  private final AtomicInteger number;
  private final Origin origin;

  /** Kept as links, and joined only for a message: most descriptors never need one. */
  private record Origin(@Nullable Origin directory, LinuxPath name) {
    LinuxPath path() {
      return directory == null ? name : directory.path().resolve(name);
    }
  }

  private Fd(int number, @Nullable Origin directory, LinuxPath name) {
    this.number = new AtomicInteger(number);
    this.origin = new Origin(directory, name);
  }

  /** {@return a descriptor that was opened under a name below a directory} */
  static Fd opened(int number, Fd directory, LinuxPath name) {
    return new Fd(number, name.isAbsolute() ? null : directory.origin, name);
  }

  /** {@return a descriptor of something that has no path, such as a filesystem context} */
  static Fd opened(int number, String description) {
    return new Fd(number, null, LinuxPath.of(description));
  }

  /**
   * {@return the number that the kernel knows it by}
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

  /** {@return whether it has not been closed} */
  public boolean isOpen() {
    return number.get() != CLOSED;
  }

  /** {@return the path under which it was opened; the file may have been moved since} */
  public LinuxPath path() {
    return origin.path();
  }

  /**
   * Closes it. Linux releases the number whatever close(2) returns, so the call is never repeated.
   * That data could not be written is not reported here: only {@link Unistd#fsync} tells that
   * reliably.
   *
   * @throws IllegalStateException if the number was closed behind the back of this object, which
   *     may have hit a file of somebody else
   */
  @Override
  public void close() {
    if (this == CURRENT_DIRECTORY) {
      return;
    }
    int last = number.getAndSet(CLOSED);
    if (last != CLOSED && Unistd.close(last) == Errno.EBADF.number()) {
      throw new IllegalStateException("descriptor " + last + " was not open: " + path());
    }
  }

  @Override
  public String toString() {
    int current = number.get();
    return (current == CLOSED ? "closed fd (" : "fd " + current + " (") + path() + ")";
  }
}
