package io.gatun.snapshot.layerstore;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import java.io.IOException;

/**
 * A layer that could not be kept, or not be read back: the fault of the disk, and not of whoever
 * the layer comes from. The message names the call that failed.
 */
public final class LayerStoreException extends IOException {

  private static final long serialVersionUID = 1L;

  private final Errno errno;

  LayerStoreException(String what, ErrnoException cause) {
    super(what + ": " + cause.getMessage(), cause);
    this.errno = cause.errno();
  }

  /** {@return why the call failed} */
  public Errno errno() {
    return errno;
  }

  /** {@return whether the disk says by itself that it does not have what was written} */
  public boolean isDamage() {
    return DiskContent.isDamage(errno);
  }
}
