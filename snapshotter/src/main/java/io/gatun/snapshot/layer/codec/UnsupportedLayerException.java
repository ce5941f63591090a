package io.gatun.snapshot.layer.codec;

import java.io.IOException;

/** A possibly valid layer that needs something unavailable here; another differ may support it. */
public final class UnsupportedLayerException extends IOException {

  private static final long serialVersionUID = 1L;

  public UnsupportedLayerException(String message) {
    super(message);
  }
}
