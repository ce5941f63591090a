package io.gatun.server.crash;

import java.util.Random;
import java.util.random.RandomGenerator;

/**
 * Where a random test begins: {@code -Dgatun.crash.seed=N} chooses it, and it is printed.
 *
 * <p>How clients, daemon and kernel take turns is nobody's choice, so a seed repeats what is sent,
 * where the power is cut and what the disk loses, and not a failure to the letter. That is why the
 * tests keep what failed.
 */
final class Seed {

  private static final String PROPERTY = "gatun.crash.seed";

  private Seed() {}

  /** {@return a seed, which is printed with what it is for} */
  static long choose(String test) {
    long seed = Long.getLong(PROPERTY, System.nanoTime() ^ ProcessHandle.current().pid());
    System.out.printf("%s: seed=%d (-D%s=%d)%n", test, seed, PROPERTY, seed);
    return seed;
  }

  /** {@return a seed for one of several parts of a test} */
  static RandomGenerator part(long seed, int part) {
    return new Random(seed * 1_000_003 + part);
  }
}
