package io.gatun.snapshot.layer.codec;

import java.io.IOException;

/**
 * A layer that cannot be read or created here, because it needs something unavailable, or because
 * the files of a snapshot do not show its full content. Another differ may support it.
 */
public final class UnsupportedLayerException extends IOException {

  private static final long serialVersionUID = 1L;

  public UnsupportedLayerException(String message) {
    super(message);
  }
}
