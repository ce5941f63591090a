package io.gatun.server.crash;

import java.util.Random;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.TestAbortedException;

/**
 * The seed of a random test: {@code -Dgatun.crash.seed=N} sets it, and it is printed.
 *
 * <p>The interleaving of clients, daemon and kernel is not controlled. A seed repeats the requests,
 * the positions of power cuts and the losses of the disk, but not the exact failure, so tests keep
 * failed disks.
 */
final class Seed {

  private static final String PROPERTY = "gatun.crash.seed";

  /** The seed of the test in this thread. */
  private static final ThreadLocal<Long> CHOSEN = new ThreadLocal<>();

  private Seed() {}

  /** {@return a seed, which is printed with the test} */
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

  /** Adds the seed, and how to repeat it, to a failure. */
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
