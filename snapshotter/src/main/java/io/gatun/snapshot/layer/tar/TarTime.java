package io.gatun.snapshot.layer.tar;

/**
 * A time in a tar, possibly one that no kernel accepts.
 *
 * @param seconds since 1970-01-01T00:00:00Z, possibly negative
 * @param nanos 0 to 999,999,999, added to the seconds
 */
public record TarTime(long seconds, int nanos) implements Comparable<TarTime> {

  public static TarTime ofSeconds(long seconds) {
    return new TarTime(seconds, 0);
  }

  @Override
  public int compareTo(TarTime other) {
    int bySeconds = Long.compare(seconds, other.seconds);
    return bySeconds != 0 ? bySeconds : Integer.compare(nanos, other.nanos);
  }
}
