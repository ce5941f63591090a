package io.gatun.server.crash;

import java.util.Random;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.TestAbortedException;

/**
 * Where a random test begins: {@code -Dgatun.crash.seed=N} chooses it, and it is printed.
 *
 * <p>How clients, daemon and kernel take turns is nobody's choice, so a seed repeats what is sent,
 * where the power is cut and what the disk loses, and not a failure to the letter. That is why the
 * tests keep what failed.
 */
final class Seed {

  private static final String PROPERTY = "gatun.crash.seed";

  /** Of the test that runs in a thread. */
  private static final ThreadLocal<Long> CHOSEN = new ThreadLocal<>();

  private Seed() {}

  /** {@return a seed, which is printed with what it is for} */
  static long choose(String test) {
    long seed = Long.getLong(PROPERTY, System.nanoTime() ^ ProcessHandle.current().pid());
    CHOSEN.set(seed);
    System.out.printf("%s: seed=%d (-D%s=%d)%n", test, seed, PROPERTY, seed);
    return seed;
  }

  /** {@return a seed for one of several parts of a test} */
  static RandomGenerator part(long seed, int part) {
    return new Random(seed * 1_000_003 + part);
  }

  /** Has a failure say with which seed it came, and how to repeat that. */
  static final class InFailures implements TestExecutionExceptionHandler {

    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable failure)
        throws Throwable {
      Long seed = CHOSEN.get();
      if (seed == null || failure instanceof TestAbortedException) {
        throw failure;
      }
      CHOSEN.remove();
      throw new AssertionError(
          "to be repeated with -D%s=%d: %s".formatted(PROPERTY, seed, failure.getMessage()),
          failure);
    }
  }
}
