package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.driver.DriverSetting;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AddLifecycleHook;

/**
 * Goal: what several clients do to the same snapshots at the same time has the outcome of some
 * order in which they could have done it. The seed fixes what they do, and not who comes first.
 */
class ContentionProperties implements LifecycleRun.Runs {

  private static final int ROUNDS = 50;

  private long executed;

  @Override
  public int wanted() {
    return Operations.COUNT / 4;
  }

  @Override
  public int perTry() {
    return ROUNDS * Contention.CLIENTS * Contention.CALLS;
  }

  @Override
  public long executed() {
    return executed;
  }

  @Provide
  Arbitrary<List<List<Operation.Request>>> rounds() {
    return Operations.requests(Contention.CLIENTS * Contention.CALLS).list().ofSize(ROUNDS);
  }

  @Property(shrinking = ShrinkingMode.OFF)
  @AddLifecycleHook(LifecycleRun.class)
  void anOrderExplainsWhatComesOfContention(
      @ForAll("rounds") List<List<Operation.Request>> rounds) {
    try (Contention contention = new Contention(TestRoot.inMemory(DriverSetting.NATIVE), false)) {
      for (List<Operation.Request> round : rounds) {
        contention.round(round);
        executed += round.size();
      }
    }
  }
}
