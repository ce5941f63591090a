package io.gatun.snapshot.layer.pack;

import java.io.IOException;

/** A file that cannot be in a layer, or that changes while it is read. */
public final class UnfitFileException extends IOException {

  private static final long serialVersionUID = 1L;

  UnfitFileException(String message) {
    super(message);
  }
}
