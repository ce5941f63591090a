package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.fsck.RootFinding;
import io.gatun.snapshot.fsck.RootRepair;
import io.gatun.snapshot.fsck.RootReport;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: wherever the very first start stops, a check says that it was cut short and that nothing is
 * wrong, and the next start finishes it.
 */
@ExtendWith(QuietLogs.class)
class FirstStartTest {

  /** Far fewer than there are. */
  private static final int EFFECTS_MIN = 20;

  /** What becomes of a machine that has stopped. */
  private interface Crash {
    void of(Machine machine);
  }

  /** What is done about it. */
  private interface Sequel {
    void on(Machine machine) throws IOException, UnusableRootException;
  }

  @ParameterizedTest
  @EnumSource
  void nextStartFinishesItWhereverItStops(EveryEffect.Stopping stopping) throws Exception {
    Crash crash = stopping == EveryEffect.Stopping.POWER_CUT ? Machine::cutPower : Machine::kill;
    stopAtEach(stopping.fault(), crash, FirstStartTest::startAnew);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void nextStartFinishesWhateverThePowerCutLeaves(long seed) throws Exception {
    Random random = new Random(seed);
    stopAtEach(new Fault.Stop(), machine -> machine.cutPower(random), FirstStartTest::startAnew);
  }

  @Test
  void repairLeavesItToTheNextStart() throws Exception {
    stopAtEach(
        new Fault.Stop(),
        Machine::kill,
        machine -> {
          RootRepair.Outcome outcome =
              RootRepair.run(new LinuxDisk(), machine.root(), Machine.METADATA, false);
          assertThat(outcome.done()).isEmpty();
          assertThat(outcome.remaining().isClean()).isTrue();
          startAnew(machine);
        });
  }

  private static void stopAtEach(Fault fault, Crash crash, Sequel sequel) throws Exception {
    int cutShort = 0;
    int nth = 1;
    for (boolean isStopped = true; isStopped; nth++) {
      try (Machine machine = Machine.create(DriverSetting.NATIVE)) {
        machine.disk().planFault(nth, fault);
        isStopped = startsUnlessStopped(machine);
        crash.of(machine);
        if (isEmpty(machine.root())) {
          continue;
        }
        String format = format(machine.root());
        RootReport report = RootCheck.of(machine.root());
        assertThat(report.findings())
            .as("after effect %d", nth)
            .allMatch(finding -> finding.severity() == RootFinding.Severity.NOTICE);
        boolean isCutShort = report.findings().contains(new RootFinding.FirstStart());
        assertThat(isCutShort)
            .as("after effect %d, with format \"%s\"", nth, format)
            .isEqualTo(!format.contains("driver"));
        cutShort += isCutShort ? 1 : 0;
        sequel.on(machine);
      }
    }
    assertThat(nth).isGreaterThan(EFFECTS_MIN);
    assertThat(cutShort).as("starts that were cut short").isGreaterThan(EFFECTS_MIN / 2);
  }

  /** {@return whether the machine has stopped} */
  private static boolean startsUnlessStopped(Machine machine) throws UnusableRootException {
    try {
      machine.start();
    } catch (RuntimeException e) {
      if (!machine.disk().isStopped()) {
        throw e;
      }
    }
    return machine.disk().isStopped();
  }

  private static void startAnew(Machine machine) throws IOException, UnusableRootException {
    machine.start();
    machine.snapshotter().prepare("key", "", Map.of());
    machine.settle();
    machine.stop();
    assertThat(RootCheck.of(machine.root()).findings()).isEmpty();
  }

  private static boolean isEmpty(Path root) throws IOException {
    if (!Files.exists(root)) {
      return true;
    }
    try (var names = Files.list(root)) {
      return names.findAny().isEmpty();
    }
  }

  private static String format(Path root) throws IOException {
    Path file = root.resolve("format");
    return Files.exists(file) ? Files.readString(file) : "";
  }
}
