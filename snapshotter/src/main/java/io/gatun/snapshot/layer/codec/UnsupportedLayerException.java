package io.gatun.snapshot.layer.codec;

import java.io.IOException;

/** A layer that may well be sound, but needs what is not there: somebody else may be able to. */
public final class UnsupportedLayerException extends IOException {

  private static final long serialVersionUID = 1L;

  public UnsupportedLayerException(String message) {
    super(message);
  }
}
