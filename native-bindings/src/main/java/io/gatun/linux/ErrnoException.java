package io.gatun.linux;

import java.io.IOException;

/**
 * A failed system call. The message names the call, its path and the error, as in {@code mkdirat
 * snapshots/7: EEXIST (File exists)}.
 */
public final class ErrnoException extends IOException {

  private static final long serialVersionUID = 1L;

  private final String call;
  private final Errno errno;
  private final int number;
  private final String path;
  private final String explanation;

  /**
   * @param call the C name of the call
   * @param path the path that it was called with
   */
  public ErrnoException(String call, Errno errno, LinuxPath path) {
    this(call, errno.number(), path.toString());
  }

  public ErrnoException(String call, int number, String path) {
    this(call, number, path, "");
  }

  /**
   * @param explanation a further message of the kernel, or the empty string
   */
  public ErrnoException(String call, int number, String path, String explanation) {
    this.call = call;
    this.errno = Errno.of(number);
    this.number = number;
    this.path = path;
    this.explanation = explanation;
  }

  /** Built on demand, because most failures are expected by the caller. */
  @Override
  public String getMessage() {
    String reason =
        errno == Errno.UNKNOWN
            ? "errno " + number + " (unknown error)"
            : errno + " (" + errno.text() + ")";
    String what = path.isEmpty() ? call : call + " " + path;
    return what + ": " + reason + (explanation.isEmpty() ? "" : ": " + explanation);
  }

  public String call() {
    return call;
  }

  public Errno errno() {
    return errno;
  }

  /** {@return the number of {@link #errno}, even if it has no name} */
  public int number() {
    return number;
  }

  /**
   * {@return the path for messages: as it was opened, two with an arrow between them, or empty for
   * a call without a path}
   */
  public String path() {
    return path;
  }

  public boolean is(Errno reason) {
    return errno == reason;
  }
}
