package io.gatun.snapshot.root;

/** A root that Gatun must not work on. The message is one line with the reason and the remedy. */
public final class UnusableRootException extends Exception {

  private static final long serialVersionUID = 1L;

  public UnusableRootException(String message) {
    super(message);
  }

  public UnusableRootException(String message, Throwable cause) {
    super(message, cause);
  }
}
