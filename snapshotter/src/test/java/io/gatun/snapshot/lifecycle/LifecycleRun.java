package io.gatun.snapshot.lifecycle;

import net.jqwik.api.lifecycle.AroundPropertyHook;
import net.jqwik.api.lifecycle.PropertyExecutionResult;
import net.jqwik.api.lifecycle.PropertyExecutor;
import net.jqwik.api.lifecycle.PropertyLifecycleContext;

/**
 * Makes a property run as many operations as are asked for, from the seed that is asked for, and
 * fails one that ran fewer.
 *
 * <p>{@code -Dgatun.lifecycle.operations=N} says how many, {@code -Dgatun.lifecycle.seed=N} which
 * seed; every run prints the one it had.
 */
final class LifecycleRun implements AroundPropertyHook {

  private static final String SEED = "gatun.lifecycle.seed";

  /** A class whose properties run sequences of operations. */
  interface Runs {

    /** {@return how many operations of the run are the share of a property} */
    int wanted();

    /** {@return how many operations one try runs} */
    int perTry();

    /** {@return how many operations were run so far} */
    long executed();
  }

  @Override
  public PropertyExecutionResult aroundProperty(
      PropertyLifecycleContext context, PropertyExecutor property) {
    Runs runs = (Runs) context.testInstance();
    context.attributes().setTries(Math.ceilDiv(runs.wanted(), runs.perTry()));
    String seed = System.getProperty(SEED);
    if (seed != null) {
      context.attributes().setSeed(seed);
    }
    PropertyExecutionResult result = property.execute();
    System.out.printf(
        "%s: %d operations, seed %s%n",
        context.label(), runs.executed(), result.seed().orElse("unknown"));
    if (result.status() == PropertyExecutionResult.Status.SUCCESSFUL
        && runs.executed() < runs.wanted()) {
      return result.mapToFailed(
          "only %d operations of %d were run".formatted(runs.executed(), runs.wanted()));
    }
    return result;
  }
}
