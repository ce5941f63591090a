package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import java.io.IOException;

/**
 * An entry of a layer could not be written. The message names the entry, the failed call and the
 * error.
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

  /** {@return the path of the entry in the layer} */
  public LinuxPath entry() {
    return entry;
  }

  /** {@return the error of the failed call} */
  public Errno errno() {
    return errno;
  }
}
