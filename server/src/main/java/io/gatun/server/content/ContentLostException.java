package io.gatun.server.content;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** containerd stopped sending a blob that it had. */
final class ContentLostException extends IOException {

  private static final long serialVersionUID = 1L;

  ContentLostException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
