package io.gatun.snapshot.layer;

import java.io.IOException;

/** Nobody waits for this apply any more. */
public final class ApplyCancelledException extends IOException {

  private static final long serialVersionUID = 1L;

  public ApplyCancelledException() {
    super("the apply was cancelled");
  }
}
