package io.gatun.server.powercut;

import java.util.random.RandomGenerator;

/**
 * The fate of writes that a drive has acknowledged but not yet flushed.
 *
 * @param survival the chance of each write, or of each sector of a torn one, to reach the medium
 * @param tearing the chance of each write to be torn
 */
public record CacheFate(double survival, double tearing) {

  /** The drive wrote everything in time. */
  public static final CacheFate KEPT = new CacheFate(1, 0);

  /** The drive wrote nothing. */
  public static final CacheFate LOST = new CacheFate(0, 0);

  private static final double[] PARTIAL_SURVIVAL = {0.1, 0.5, 0.9};
  private static final double PARTIAL_TEARING = 0.3;

  /** {@return a random fate, sometimes one of the two extremes} */
  public static CacheFate draw(RandomGenerator random) {
    int choice = random.nextInt(PARTIAL_SURVIVAL.length + 2);
    return switch (choice) {
      case 0 -> KEPT;
      case 1 -> LOST;
      default -> new CacheFate(PARTIAL_SURVIVAL[choice - 2], PARTIAL_TEARING);
    };
  }
}
