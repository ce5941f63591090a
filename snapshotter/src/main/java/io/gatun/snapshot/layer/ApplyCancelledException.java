package io.gatun.snapshot.layer;

import java.io.IOException;

/** The apply was cancelled because its result is no longer needed. */
public final class ApplyCancelledException extends IOException {

  private static final long serialVersionUID = 1L;

  public ApplyCancelledException() {
    super("the apply was cancelled");
  }
}
