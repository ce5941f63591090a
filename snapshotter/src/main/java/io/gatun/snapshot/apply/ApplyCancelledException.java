package io.gatun.snapshot.apply;

import java.io.IOException;

/** Nobody waits for this apply any more. */
public final class ApplyCancelledException extends IOException {

  private static final long serialVersionUID = 1L;

  ApplyCancelledException() {
    super("the apply was cancelled");
  }
}
