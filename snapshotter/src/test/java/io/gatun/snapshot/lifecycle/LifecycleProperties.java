package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.driver.DriverSetting;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AddLifecycleHook;

/**
 * Goal: whatever is asked in whatever order, the engine answers as the model does, and what lies on
 * disk is what it says. Method: random sequences of all operations, with restarts in between; after
 * each step, everything that can be seen is compared.
 */
class LifecycleProperties implements LifecycleRun.Runs {

  private static final int SEQUENCE_LENGTH = 250;

  private long executed;

  @Override
  public int wanted() {
    return Operations.COUNT;
  }

  @Override
  public int perTry() {
    return SEQUENCE_LENGTH;
  }

  @Override
  public long executed() {
    return executed;
  }

  @Provide
  Arbitrary<List<Operation>> sequences() {
    return Operations.sequences(SEQUENCE_LENGTH);
  }

  @Property
  @AddLifecycleHook(LifecycleRun.class)
  void theNativeEngineAnswersAsTheModel(@ForAll("sequences") List<Operation> sequence) {
    try (Subject subject = EngineSubject.on(DriverSetting.NATIVE)) {
      new Comparison(subject).run(sequence);
    }
    executed += sequence.size();
  }
}
