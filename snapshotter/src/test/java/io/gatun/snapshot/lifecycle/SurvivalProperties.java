package io.gatun.snapshot.lifecycle;

import io.gatun.linux.Errno;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.QuietLogs;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AddLifecycleHook;

/**
 * Goal: whatever is asked in whatever order, and whatever goes wrong meanwhile, what was
 * acknowledged is there and nothing else is. Method: random sequences of all operations with
 * failures, kills and power cuts in between, held against the plain model; a sequence that fails is
 * made shorter, and its seed is printed.
 */
class SurvivalProperties implements LifecycleRun.Runs {

  private static final int SEQUENCE_LENGTH = 40;

  /** Each costs as much as many without crashes. */
  private static final int SHARE = 10;

  /** As many effects as a request has, and some more. */
  private static final int EFFECTS_AHEAD = 40;

  private long executed;

  /** One step of a sequence. */
  sealed interface Event {

    record Do(Operation operation) implements Event {}

    /** The n-th effect from now on meets a fault. */
    record Planned(int nth, Fault fault) implements Event {}

    record Crashed(Survival.Crash how) implements Event {}
  }

  @Override
  public int wanted() {
    return Operations.COUNT / SHARE;
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
  Arbitrary<List<Event>> events() {
    Arbitrary<Fault> faults =
        Arbitraries.frequencyOf(
            Tuple.of(2, errnos().map(Fault.Failure::new)),
            Tuple.of(1, errnos().map(Fault.PartialWrite::new)),
            Tuple.of(2, Arbitraries.just(new Fault.Stop())),
            Tuple.of(1, Arbitraries.just(new Fault.TornStop())));
    return Arbitraries.<Event>frequencyOf(
            Tuple.of(30, Operations.any().map(Event.Do::new)),
            Tuple.of(1, Arbitraries.just(new Event.Do(new Operation.Restart()))),
            Tuple.of(
                4,
                Combinators.combine(Arbitraries.integers().between(1, EFFECTS_AHEAD), faults)
                    .as(Event.Planned::new)),
            Tuple.of(2, crashes().map(Event.Crashed::new)))
        .list()
        .ofMaxSize(SEQUENCE_LENGTH)
        .withSizeDistribution((_, _, max, _) -> _ -> max)
        .withoutEdgeCases();
  }

  private static Arbitrary<Errno> errnos() {
    return Arbitraries.of(
        Errno.EIO,
        Errno.ENOSPC,
        Errno.EDQUOT,
        Errno.EMFILE,
        Errno.ENOMEM,
        Errno.EROFS,
        Errno.EINTR);
  }

  private static Arbitrary<Survival.Crash> crashes() {
    return Arbitraries.oneOf(
        Arbitraries.just(new Survival.Crash.Kill()),
        Arbitraries.just(new Survival.Crash.PowerCut()),
        Arbitraries.longs().map(Survival.Crash.PartialPowerCut::new));
  }

  @Property
  @AddLifecycleHook(LifecycleRun.class)
  void whatWasAcknowledgedSurvives(@ForAll("events") List<Event> events) {
    Names names = Names.of(0);
    try (QuietLogs _ = QuietLogs.silence();
        Survival survival = new Survival(DriverSetting.NATIVE)) {
      survival.start();
      for (Event event : events) {
        switch (event) {
          case Event.Do(Operation operation) -> {
            if (survival.machine().disk().isStopped()) {
              survival.crash(new Survival.Crash.PowerCut());
              survival.recover();
            }
            survival.run(operation.renamed(name -> names.resolve(name, survival.model())));
          }
          case Event.Planned(int nth, Fault fault) ->
              survival.machine().disk().planFault(nth, fault);
          case Event.Crashed(Survival.Crash how) -> {
            survival.crash(how);
            survival.recover();
          }
        }
      }
      survival.crash(new Survival.Crash.Kill());
      survival.recover();
      survival.finish();
    }
    executed += events.size();
  }
}
