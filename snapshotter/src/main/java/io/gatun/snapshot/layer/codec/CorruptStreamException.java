package io.gatun.snapshot.layer.codec;

import org.jspecify.annotations.Nullable;

/** Invalid compressed data; {@link BlobDecoder} adds the offset. */
final class CorruptStreamException extends Exception {

  private static final long serialVersionUID = 1L;

  CorruptStreamException(String reason) {
    this(reason, null);
  }

  CorruptStreamException(@Nullable String reason, @Nullable Throwable cause) {
    super(reason, cause);
  }
}
