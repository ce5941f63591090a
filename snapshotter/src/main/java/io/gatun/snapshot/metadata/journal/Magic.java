package io.gatun.snapshot.metadata.journal;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The eight letters that a file begins with. */
public final class Magic {

  private Magic() {}

  /** {@return the letters as a number} */
  public static long of(String letters) {
    return ByteBuffer.wrap(letters.getBytes(StandardCharsets.US_ASCII)).getLong();
  }
}
