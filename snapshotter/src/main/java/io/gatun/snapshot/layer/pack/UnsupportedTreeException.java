package io.gatun.snapshot.layer.pack;

import java.io.IOException;

/** What the files of a snapshot alone do not tell; who mounts the snapshot can see it. */
public final class UnsupportedTreeException extends IOException {

  private static final long serialVersionUID = 1L;

  UnsupportedTreeException(String message) {
    super(message);
  }
}
