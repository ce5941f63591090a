package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.root.UnusableRootException;

/**
 * The life of layers, led once for each effect that it has on the disk, with something going wrong
 * there, and then to its end.
 */
final class EveryUnpackingEffect {

  /** Far fewer than there are; with fewer, something is missing from the life. */
  private static final int EFFECTS_MIN = 100;

  /** What a start does at least to make three layers anew. */
  private static final int HEALING_EFFECTS_MIN = 30;

  private final DriverSetting driver;
  private final LayerSetting layers;
  private final SyncPolicy syncPolicy;

  EveryUnpackingEffect(DriverSetting driver) {
    this(driver, LayerSetting.DIRECTORY);
  }

  EveryUnpackingEffect(DriverSetting driver, LayerSetting layers) {
    this(driver, layers, SyncPolicy.COMMIT);
  }

  EveryUnpackingEffect(DriverSetting driver, LayerSetting layers, SyncPolicy syncPolicy) {
    this.driver = driver;
    this.layers = layers;
    this.syncPolicy = syncPolicy;
  }

  /** Goes on until no effect is left for the fault to come in place of. */
  private interface Attempt {
    /** {@return whether the fault has come} */
    boolean at(UnpackingLife life, int nth) throws UnusableRootException;
  }

  void stop(EveryEffect.Stopping stopping) {
    forEach(
        stopping.name(),
        EFFECTS_MIN,
        (life, nth) -> {
          life.machine().start();
          life.machine().disk().planFault(nth, stopping.fault());
          try {
            life.lead();
          } catch (RuntimeException e) {
            if (!life.machine().disk().isStopped()) {
              throw e;
            }
          }
          boolean isStopped = life.machine().disk().isStopped();
          crash(life.machine(), stopping == EveryEffect.Stopping.POWER_CUT);
          life.machine().start();
          life.check();
          life.lead();
          life.check();
          life.finish();
          return isStopped;
        });
  }

  /** Has the tars of all layers go, and the machine stop when they are made anew. */
  void stopRepair(EveryEffect.Stopping stopping) {
    forEach(
        stopping.name() + " of healing",
        HEALING_EFFECTS_MIN,
        (life, nth) -> {
          Machine machine = life.machine();
          machine.start();
          life.lead();
          machine.cutPower();
          life.loseTars();
          machine.disk().planFault(nth, stopping.fault());
          try {
            machine.start();
          } catch (RuntimeException | UnusableRootException e) {
            if (!machine.disk().isStopped()) {
              throw e;
            }
          }
          boolean isStopped = machine.disk().isStopped();
          crash(machine, stopping == EveryEffect.Stopping.POWER_CUT);
          machine.start();
          life.check();
          life.lead();
          life.check();
          life.finish();
          return isStopped;
        });
  }

  void fail(ErrnoRound round) {
    forEach(
        round.toString(),
        EFFECTS_MIN,
        (life, nth) -> {
          Machine machine = life.machine();
          machine.start();
          machine.disk().planFault(nth, new Fault.Failure(round.errno(nth)));
          try {
            life.lead();
          } catch (SnapshotException e) {
            assertThat(machine.disk().fired()).as("%s", e).isPresent();
            assertThat(e).hasMessageMatching("(?s).*(E[A-Z]{2,}|unpack the layer again).*");
            life.check();
            leadAnew(life);
          }
          boolean fired = machine.disk().fired().isPresent();
          // What the look at the outcome does is not what is tested.
          machine.disk().heal();
          checkHealed(life);
          crash(machine, nth % 2 != 0);
          machine.start();
          life.check();
          life.lead();
          life.check();
          life.finish();
          return fired;
        });
  }

  /** A failure of a background sync may be reported once, by the next check. */
  private static void checkHealed(UnpackingLife life) {
    try {
      life.check();
    } catch (SnapshotException.StorageFailure e) {
      life.check();
    }
  }

  /** What a failed sync may have lost can never be committed, and has to be unpacked anew. */
  private static void leadAnew(UnpackingLife life) {
    try {
      life.lead();
    } catch (SnapshotException.FailedPrecondition | SnapshotException.StorageFailure e) {
      assertThat(e).hasMessageContaining("unpack the layer again");
      life.giveUp();
      life.lead();
    }
  }

  private static void crash(Machine machine, boolean isOfTheMachine) {
    if (isOfTheMachine) {
      machine.cutPower();
    } else {
      machine.kill();
    }
  }

  private void forEach(String what, int effectsMin, Attempt attempt) {
    int effects = Attempts.count(nth -> attempt(what, attempt, nth));
    System.out.printf(
        "%s driver, layers %s, synced %s, %s at each of %d effects of unpacking%n",
        driver, layers, syncPolicy, what, effects);
    assertThat(effects).isGreaterThanOrEqualTo(effectsMin);
  }

  private boolean attempt(String what, Attempt attempt, int nth) {
    try (UnpackingLife life = new UnpackingLife(driver, layers, syncPolicy)) {
      try {
        return attempt.at(life, nth);
      } catch (AssertionError | RuntimeException | UnusableRootException e) {
        throw new AssertionError(
            "%s at effect %d, %s: %s"
                .formatted(what, nth, life.machine().disk().fired(), e.getMessage()),
            e);
      }
    }
  }
}
