package io.gatun.snapshot.layerstore.tar;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import java.io.IOException;

/**
 * A layer could not be stored or read back because of the local disk, not because of its content.
 * The message names the failed call.
 */
public final class LayerStoreException extends IOException {

  private static final long serialVersionUID = 1L;

  private final Errno errno;

  public LayerStoreException(String what, ErrnoException cause) {
    super(what + ": " + cause.getMessage(), cause);
    this.errno = cause.errno();
  }

  /** {@return the error of the failed call} */
  public Errno errno() {
    return errno;
  }

  /** {@return whether the error means that the disk lost or corrupted data} */
  public boolean isDamage() {
    return DiskContent.isDamage(errno);
  }
}
