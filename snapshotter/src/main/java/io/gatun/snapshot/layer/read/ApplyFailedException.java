package io.gatun.snapshot.layer.read;

import java.io.IOException;

/**
 * An apply that failed for a reason that is not in the layer. The message is that of the reason,
 * and says where in the layer it was.
 */
public final class ApplyFailedException extends IOException {

  private static final long serialVersionUID = 1L;

  private final IOException reason;

  ApplyFailedException(IOException reason, String place) {
    super("%s (%s)".formatted(reason.getMessage(), place), reason);
    this.reason = reason;
  }

  /** {@return what the blob, the consumer or the sink has thrown} */
  public IOException reason() {
    return reason;
  }
}
