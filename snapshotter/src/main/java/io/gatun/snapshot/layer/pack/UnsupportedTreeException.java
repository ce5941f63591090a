package io.gatun.snapshot.layer.pack;

import java.io.IOException;

/** The files of a snapshot do not show its full content; only its mount does. */
public final class UnsupportedTreeException extends IOException {

  private static final long serialVersionUID = 1L;

  UnsupportedTreeException(String message) {
    super(message);
  }
}
