package io.gatun.snapshot.layer.erofs;

import java.io.IOException;

/** A layer cannot be indexed. The layer is valid and can be extracted into a directory. */
public final class NotIndexableException extends IOException {

  private static final long serialVersionUID = 1;

  private final NotIndexable reason;

  public NotIndexableException(NotIndexable reason, String message) {
    super("layer cannot be indexed: " + message);
    this.reason = reason;
  }

  public NotIndexable reason() {
    return reason;
  }
}
