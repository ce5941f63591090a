package io.gatun.snapshot.layer.tar;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A layer is damaged, truncated or requests something that no layer may. The message gives the
 * problem, the offset in the uncompressed tar or in the blob, and the entry if there is one. The
 * same bytes always fail in the same way.
 */
public final class InvalidLayerException extends IOException {

  private static final long serialVersionUID = 1L;

  public InvalidLayerException(String message) {
    super(message);
  }

  public InvalidLayerException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
