package io.gatun.snapshot.layer.codec;

import io.gatun.isal.IsalInflater;

/** The implementations of gzip decompression. */
public enum GzipEngine {
  /** Intel's library, about twice as fast; not installed everywhere. */
  ISAL,
  /** The JDK's zlib. */
  JDK;

  /** {@return the fastest available one} */
  public static GzipEngine best() {
    return IsalInflater.absence().isEmpty() ? ISAL : JDK;
  }

  Decompressor open() {
    return switch (this) {
      case ISAL -> new IsalGzipMembers();
      case JDK -> new JdkGzipMembers();
    };
  }
}
