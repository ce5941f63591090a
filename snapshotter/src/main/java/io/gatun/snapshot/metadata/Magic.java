package io.gatun.snapshot.metadata;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The eight letters that a file begins with. */
final class Magic {

  private Magic() {}

  /** {@return the letters as a number} */
  static long of(String letters) {
    return ByteBuffer.wrap(letters.getBytes(StandardCharsets.US_ASCII)).getLong();
  }
}
