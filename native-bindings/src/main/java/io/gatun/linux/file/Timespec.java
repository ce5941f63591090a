package io.gatun.linux.file;

import java.time.Instant;

/**
 * A time in the kernel's representation: {@code struct timespec}.
 *
 * @param seconds since 1970-01-01T00:00:00Z; negative before
 * @param nanos 0 to 999,999,999, also before 1970
 */
public record Timespec(long seconds, int nanos) implements Comparable<Timespec> {

  private static final int NANOS_PER_SECOND = 1_000_000_000;

  public Timespec {
    if (nanos < 0 || nanos >= NANOS_PER_SECOND) {
      throw new IllegalArgumentException("nanoseconds out of range: " + nanos);
    }
  }

  public static Timespec of(Instant instant) {
    return new Timespec(instant.getEpochSecond(), instant.getNano());
  }

  /**
   * {@return the same time}
   *
   * @throws java.time.DateTimeException if it exceeds the range of {@code Instant}
   */
  public Instant toInstant() {
    return Instant.ofEpochSecond(seconds, nanos);
  }

  @Override
  public int compareTo(Timespec other) {
    int bySeconds = Long.compare(seconds, other.seconds);
    return bySeconds != 0 ? bySeconds : Integer.compare(nanos, other.nanos);
  }
}
