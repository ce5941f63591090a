package io.gatun.snapshot.layer.pack;

import java.io.IOException;

/** A file that no layer can hold, or that somebody changes while it is read. */
public final class UnfitFileException extends IOException {

  private static final long serialVersionUID = 1L;

  UnfitFileException(String message) {
    super(message);
  }
}
