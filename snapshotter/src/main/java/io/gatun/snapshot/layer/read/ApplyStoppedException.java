package io.gatun.snapshot.layer.read;

import java.io.IOException;

/** Stops one thread of an apply after another one has failed; never leaves the apply. */
final class ApplyStoppedException extends IOException {

  private static final long serialVersionUID = 1L;

  ApplyStoppedException(Throwable failure) {
    super("the apply has failed elsewhere", failure);
  }
}
