package io.gatun.snapshot.layer.read;

import java.io.IOException;

/**
 * An apply failed for a reason other than the layer. The message is that of the reason, with the
 * position in the layer.
 */
public final class ApplyFailedException extends IOException {

  private static final long serialVersionUID = 1L;

  private final IOException reason;

  ApplyFailedException(IOException reason, String place) {
    super("%s (%s)".formatted(reason.getMessage(), place), reason);
    this.reason = reason;
  }

  /** {@return the exception from the blob, the consumer or the sink} */
  public IOException reason() {
    return reason;
  }
}
