package io.gatun.snapshot.metadata.journal;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The eight ASCII letters at the start of a file. */
public final class Magic {

  private Magic() {}

  public static long of(String letters) {
    return ByteBuffer.wrap(letters.getBytes(StandardCharsets.US_ASCII)).getLong();
  }
}
