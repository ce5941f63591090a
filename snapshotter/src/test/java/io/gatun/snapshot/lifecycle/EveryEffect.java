package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.Fault;
import java.util.List;

/**
 * The script, run once for each effect that it has on the disk, with something going wrong there.
 */
final class EveryEffect {

  /** Far fewer than there are; with fewer, something is missing from the script. */
  private static final int EFFECTS_MIN = 200;

  private final DriverSetting driver;
  private final List<Operation> script = Script.operations();

  EveryEffect(DriverSetting driver) {
    this.driver = driver;
  }

  /** How the machine stops, and what is left. */
  enum Stopping {
    /** Everything that was done by then. */
    KILLED,
    /** That, and a part of what was being written. */
    TORN_WRITE,
    /** What was synced. */
    POWER_CUT;

    Fault fault() {
      return switch (this) {
        case KILLED, POWER_CUT -> new Fault.Stop();
        case TORN_WRITE -> new Fault.TornStop();
      };
    }

    private Survival.Crash crash() {
      return switch (this) {
        case KILLED, TORN_WRITE -> new Survival.Crash.Kill();
        case POWER_CUT -> new Survival.Crash.PowerCut();
      };
    }
  }

  /** Goes on until no effect is left for the fault to come in place of. */
  private interface Attempt {
    /** {@return whether the fault has come} */
    boolean at(Survival survival, int nth);
  }

  void stop(Stopping stopping) {
    forEach(
        stopping.name(),
        (survival, nth) -> {
          survival.machine().disk().planFault(nth, stopping.fault());
          survival.start();
          script.forEach(survival::run);
          boolean isStopped = survival.machine().disk().isStopped();
          survival.crash(stopping.crash());
          survival.recover();
          survival.finish();
          return isStopped;
        });
  }

  void fail(ErrnoRound round) {
    forEach(
        round.toString(),
        (survival, nth) -> {
          survival.machine().disk().planFault(nth, new Fault.Failure(round.errno(nth)));
          survival.start();
          for (Operation operation : script) {
            if (survival.run(operation)) {
              survival.run(operation);
            }
          }
          boolean fired = survival.machine().disk().fired().isPresent();
          survival.crash(nth % 2 == 0 ? new Survival.Crash.Kill() : new Survival.Crash.PowerCut());
          survival.recover();
          survival.finish();
          return fired;
        });
  }

  private void forEach(String what, Attempt attempt) {
    int effects = Attempts.count(nth -> attempt(what, attempt, nth));
    System.out.printf("%s driver, %s at each of %d effects%n", driver, what, effects);
    assertThat(effects).isGreaterThanOrEqualTo(EFFECTS_MIN);
  }

  private boolean attempt(String what, Attempt attempt, int nth) {
    try (Survival survival = new Survival(driver)) {
      try {
        return attempt.at(survival, nth);
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(
            "%s at effect %d, %s: %s".formatted(what, nth, survival.lastFault(), e.getMessage()),
            e);
      }
    }
  }
}
