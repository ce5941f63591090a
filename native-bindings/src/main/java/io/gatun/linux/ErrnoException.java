package io.gatun.linux;

import java.io.IOException;

/**
 * A system call that failed. The message names the call, what it was about and the reason, as in
 * {@code mkdirat snapshots/7: EEXIST (File exists)}.
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
   * @param errno why it failed
   * @param path what it was about
   */
  public ErrnoException(String call, Errno errno, LinuxPath path) {
    this(call, errno.number(), path.toString());
  }

  ErrnoException(String call, int number, String path) {
    this(call, number, path, "");
  }

  /**
   * @param explanation what else the kernel said, or the empty string
   */
  ErrnoException(String call, int number, String path, String explanation) {
    this.call = call;
    this.errno = Errno.of(number);
    this.number = number;
    this.path = path;
    this.explanation = explanation;
  }

  /** Made when it is asked for, since most failures are of the kind that a caller expects. */
  @Override
  public String getMessage() {
    String reason =
        errno == Errno.UNKNOWN
            ? "errno " + number + " (unknown error)"
            : errno + " (" + errno.text() + ")";
    String what = path.isEmpty() ? call : call + " " + path;
    return what + ": " + reason + (explanation.isEmpty() ? "" : ": " + explanation);
  }

  /** {@return the C name of the call} */
  public String call() {
    return call;
  }

  /** {@return why it failed} */
  public Errno errno() {
    return errno;
  }

  /** {@return the number of {@link #errno}, also if there is no name for it} */
  public int number() {
    return number;
  }

  /**
   * {@return what the call was about, to be read by people: a path as it was opened, two with an
   * arrow between them, or nothing for a call without a path}
   */
  public String path() {
    return path;
  }

  /** {@return whether the call failed for this reason} */
  public boolean is(Errno reason) {
    return errno == reason;
  }
}
