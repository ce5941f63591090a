package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import java.io.IOException;

/**
 * An entry of a layer that could not be written. The message names it, and the call that failed
 * with what it was about and why.
 */
public final class TreeWriteException extends IOException {

  private static final long serialVersionUID = 1L;

  private final transient LinuxPath entry;
  private final Errno errno;

  TreeWriteException(LinuxPath entry, ErrnoException cause) {
    super("cannot write " + entry + ": " + cause.getMessage(), cause);
    this.entry = entry;
    this.errno = cause.errno();
  }

  /** {@return the entry, by its path in the layer} */
  public LinuxPath entry() {
    return entry;
  }

  /** {@return why the call failed} */
  public Errno errno() {
    return errno;
  }
}
