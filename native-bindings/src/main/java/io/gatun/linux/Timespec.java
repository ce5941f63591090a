package io.gatun.linux;

import java.time.Instant;

/**
 * A point in time as the kernel keeps it: {@code struct timespec}.
 *
 * @param seconds since 1970-01-01T00:00:00Z; negative before that
 * @param nanos 0 to 999,999,999, also before 1970; or that of {@link #NOW} or {@link #OMIT}
 */
public record Timespec(long seconds, int nanos) {

  /** Understood only where times are set: the time of the call. */
  public static final Timespec NOW = new Timespec(0, Abi.UTIME_NOW);

  /** Understood only where times are set: leaves this time as it is. */
  public static final Timespec OMIT = new Timespec(0, Abi.UTIME_OMIT);

  private static final int NANOS_PER_SECOND = 1_000_000_000;

  public Timespec {
    boolean special = seconds == 0 && (nanos == Abi.UTIME_NOW || nanos == Abi.UTIME_OMIT);
    if (!special && (nanos < 0 || nanos >= NANOS_PER_SECOND)) {
      throw new IllegalArgumentException("nanoseconds out of range: " + nanos);
    }
  }

  /** {@return the same point in time} */
  public static Timespec of(Instant instant) {
    return new Timespec(instant.getEpochSecond(), instant.getNano());
  }

  /**
   * {@return the same point in time}
   *
   * @throws java.time.DateTimeException if it is beyond what {@code Instant} can hold
   */
  public Instant toInstant() {
    return Instant.ofEpochSecond(seconds, nanos);
  }
}
