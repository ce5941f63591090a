package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.LayerSyncs;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fsck.RootFinding;
import io.gatun.snapshot.fsck.RootReport;
import io.gatun.snapshot.metadata.repair.Contents;
import io.gatun.snapshot.metadata.repair.MetadataReport;
import io.gatun.snapshot.root.UnusableRootException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;

/**
 * A daemon on a machine that may fail at any moment, and beside it a model of what was
 * acknowledged. After a crash, all of that has to be there, and of the request that was under way
 * either everything or nothing.
 */
final class Survival implements AutoCloseable {

  private final Machine machine;
  private final RootSight root;
  private ModelSnapshotter model;
  private ModelFiles files = new ModelFiles();

  /** What was listed last, with times. */
  private Map<String, SnapshotInfo> acknowledged = Map.of();

  /** The request that was under way when the machine stopped. */
  private Optional<Operation.Request> pending = Optional.empty();

  /** Copies that had not reached the disk when the power went. */
  private final Set<String> unsettled = new HashSet<>();

  private int steps;
  private String lastFault = "none";

  /**
   * Whether a sync of layers has failed: what was there then, and is no layer, never becomes one.
   */
  private boolean isLayerSyncLost;

  Survival(DriverSetting driver) {
    this.machine = Machine.create(driver);
    this.root = new RootSight(machine);
    this.model = new ModelSnapshotter(driver == DriverSetting.OVERLAY);
  }

  Machine machine() {
    return machine;
  }

  ModelSnapshotter model() {
    return model;
  }

  /** {@return the effect that the last fault came in place of, for a message} */
  String lastFault() {
    return lastFault;
  }

  // While the daemon runs.

  /** Starts the daemon, or has the fault that is planned keep it from that. */
  void start() {
    try {
      machine.start();
    } catch (UnusableRootException e) {
      assertThat(machine.disk().fired()).as("why it does not start: %s", e).isPresent();
      assertThat(e).hasMessageContaining("root");
      assertThat(machine.usedFiles()).isEmpty();
      startWhole();
    } catch (RuntimeException e) {
      requireStopped(e);
    }
  }

  private void startWhole() {
    try {
      machine.start();
    } catch (UnusableRootException e) {
      throw new AssertionError("does not start", e);
    }
  }

  /**
   * Does one thing, unless the machine has stopped.
   *
   * @return whether a fault has kept it from being done
   */
  boolean run(Operation operation) {
    if (machine.disk().isStopped()) {
      return true;
    }
    steps++;
    boolean isKept =
        switch (operation) {
          case Operation.Restart _ -> restart();
          case Operation.Write write -> write(write);
          case Operation.Request request -> request(request);
        };
    Machine.awaitQuiet();
    noteFault();
    return isKept;
  }

  private boolean request(Operation.Request request) {
    ModelSnapshotter after = model.copy();
    Outcome expected = Outcome.of(() -> request.on(after));
    Outcome actual;
    try {
      actual = Outcome.of(() -> request.on(machine.snapshotter()));
    } catch (RuntimeException e) {
      requireStopped(e);
      pending = Optional.of(request);
      return true;
    }
    return switch (actual) {
      case Outcome.Answer answer -> {
        assertThat(expected)
            .as("%s was answered with %s", request, answer)
            .isInstanceOf(Outcome.Answer.class);
        adopt(request, after);
        yield false;
      }
      case Outcome.Refusal refusal -> {
        if (machine.disk().isStopped()) {
          pending = Optional.of(request);
          yield true;
        }
        if (isSame(expected, refusal) || isOfEarlier(refusal)) {
          yield false;
        }
        String fault =
            machine
                .disk()
                .fired()
                .orElseGet(() -> fail("%s failed without a fault: %s", request, refusal));
        CleanFailure.require(request, fault, refusal);
        assertThat(listed()).as("after the failure of %s", request).isEqualTo(acknowledged);
        yield true;
      }
    };
  }

  /** {@return whether a snapshot may never be used or committed, since something was lost} */
  private boolean isOfEarlier(Outcome.Refusal refusal) {
    if (refusal.kind() != SnapshotException.FailedPrecondition.class) {
      return false;
    }
    return (isLayerSyncLost && refusal.message().contains("unpack the layer again"))
        || (!unsettled.isEmpty() && refusal.message().contains("create it again"));
  }

  private void noteFault() {
    lastFault = machine.disk().fired().orElse(lastFault);
    isLayerSyncLost |= LayerSyncs.isOne(lastFault);
  }

  private static boolean isSame(Outcome expected, Outcome.Refusal refusal) {
    return expected instanceof Outcome.Refusal wanted && wanted.kind() == refusal.kind();
  }

  private void requireStopped(RuntimeException failure) {
    if (!machine.disk().isStopped()) {
      throw failure;
    }
  }

  private void adopt(Operation.Request request, ModelSnapshotter after) {
    model = after;
    switch (request) {
      case Operation.Commit commit -> files.rename(commit.key(), commit.name());
      case Operation.Remove remove -> {
        files.remove(remove.key());
        unsettled.remove(remove.key());
      }
      case Operation.Prepare _,
          Operation.View _,
          Operation.Mounts _,
          Operation.Stat _,
          Operation.Update _,
          Operation.ListAll _,
          Operation.UsageOf _,
          Operation.Cleanup _ -> {}
    }
    acknowledged = listed();
    assertThat(Comparison.withoutTimes(List.copyOf(acknowledged.values())))
        .isEqualTo(Comparison.withoutTimes(model.infos()));
  }

  private Map<String, SnapshotInfo> listed() {
    return Comparison.list(machine.snapshotter());
  }

  private boolean write(Operation.Write write) {
    ModelSnapshotter.Entry entry = model.entries.get(write.key());
    if (entry != null && entry.kind() == Kind.ACTIVE && !unsettled.contains(write.key())) {
      // Never over another one: what a crash would leave of that is nobody's promise.
      String file = write.file() + steps;
      String content = file + " in " + write.key();
      try {
        machine.write(write.key(), file, content);
      } catch (SnapshotException e) {
        assertThat(machine.disk().isStopped() || machine.disk().fired().isPresent()).isTrue();
        return true;
      }
      files.write(write.key(), file, content);
    }
    return false;
  }

  private boolean restart() {
    try {
      machine.stop();
    } catch (RuntimeException e) {
      requireStopped(e);
    }
    if (!machine.disk().isStopped()) {
      checkRoot(true);
      start();
      if (!machine.disk().isStopped()) {
        assertThat(listed()).isEqualTo(acknowledged);
      }
    }
    return machine.disk().isStopped();
  }

  // After a crash.

  /** What a crash leaves. */
  sealed interface Crash {

    /** The process is gone, and all that it did is there. */
    record Kill() implements Crash {}

    /** The machine is gone, and all that was not synced. */
    record PowerCut() implements Crash {}

    /** The machine is gone, and some of what was not synced. */
    record PartialPowerCut(long seed) implements Crash {}
  }

  /** Ends the daemon, and looks at what it has left. */
  void crash(Crash how) {
    noteFault();
    root.noteIds();
    boolean isContentKept =
        switch (how) {
          case Crash.Kill _ -> {
            machine.kill();
            yield true;
          }
          case Crash.PowerCut _ -> {
            machine.cutPower();
            yield false;
          }
          case Crash.PartialPowerCut(long seed) -> {
            machine.cutPower(new Random(seed));
            yield false;
          }
        };
    assertThat(machine.openFiles().stream().filter(file -> file.endsWith("/lock"))).isEmpty();
    checkRoot(isContentKept);
  }

  /** Starts again after a crash: everything is there, works, and nothing else is there. */
  void recover() {
    startWhole();
    assertThat(listed()).isEqualTo(acknowledged);
    machine.snapshotter().cleanup();
    assertThat(root.names("trash")).isEmpty();
    assertThat(root.names("snapshots")).hasSameSizeAs(acknowledged.keySet());
    root.checkNewId();
    unsettled.forEach(
        name ->
            assertThatThrownBy(() -> machine.snapshotter().mounts(name))
                .isInstanceOf(SnapshotException.FailedPrecondition.class)
                .hasMessageContaining("create it again"));
    acknowledged.forEach(
        (name, info) -> {
          assertThat(machine.snapshotter().stat(name)).isEqualTo(info);
          if (info.kind() != Kind.COMMITTED && !unsettled.contains(name)) {
            assertThat(machine.snapshotter().mounts(name)).hasSize(1);
          }
        });
  }

  /** Stops in order: nothing is wrong, and nothing waits to be cleaned up. */
  void finish() {
    machine.settle();
    root.checkOpenFiles();
    machine.stop();
    assertThat(machine.usedFiles()).isEmpty();
    assertThat(checkRoot(true).findings()).isEmpty();
  }

  // What is on the disk while no daemon runs.

  private RootReport checkRoot(boolean isContentKept) {
    if (!root.isBegun()) {
      assertThat(acknowledged).isEmpty();
      pending = Optional.empty();
      return new RootReport(List.of(), Optional.empty());
    }
    RootReport report = root.check();
    assertThat(report.findings()).as("findings").allMatch(this::isHarmless);
    List<SnapshotRecord> records =
        report.metadata().flatMap(MetadataReport::contents).map(Contents::records).stream()
            .flatMap(found -> found.values().stream())
            .toList();
    decide(records);
    checkFiles(records, isContentKept);
    return report;
  }

  private boolean isHarmless(RootFinding finding) {
    return switch (finding.severity()) {
      case NOTICE -> !(finding instanceof RootFinding.FirstStart) || acknowledged.isEmpty();
      // The mark may be torn, and says no more than the journal.
      case REPAIRABLE -> finding.place().equals("metadata/acknowledged");
      case DAMAGE -> false;
    };
  }

  /** Finds out what has become of the request that was under way. */
  private void decide(List<SnapshotRecord> records) {
    Map<String, SnapshotInfo> found = new HashMap<>();
    records.forEach(record -> found.put(record.name(), record.info()));
    if (!found.equals(acknowledged)) {
      Operation.Request request =
          pending.orElseGet(
              () -> fail("nothing was under way, and%n%s%nis now%n%s", acknowledged, found));
      ModelSnapshotter after = model.copy();
      Outcome unused = Outcome.of(() -> request.on(after));
      assertThat(Comparison.withoutTimes(List.copyOf(found.values())))
          .as("done wholly, if at all: %s (%s)", request, unused)
          .isEqualTo(Comparison.withoutTimes(after.infos()));
      Set<String> touched = request.touched();
      acknowledged.forEach(
          (name, info) -> {
            if (!touched.contains(name)) {
              assertThat(found.get(name)).isEqualTo(info);
            }
          });
      model = after;
      if (request instanceof Operation.Commit commit) {
        files.rename(commit.key(), commit.name());
      } else if (request instanceof Operation.Remove remove) {
        files.remove(remove.key());
        unsettled.remove(remove.key());
      }
      acknowledged = found;
    }
    pending = Optional.empty();
  }

  private void checkFiles(List<SnapshotRecord> records, boolean isContentKept) {
    for (SnapshotRecord record : records) {
      Map<String, String> found = root.files(record.id());
      ModelSnapshotter.Entry entry = model.require("files", record.name());
      boolean isCopy = machine.driver() == DriverSetting.NATIVE && record.kind() != Kind.VIEW;
      Map<String, String> expected =
          isCopy ? files.visible(record.name(), model.chain(entry)) : files.own(record.name());
      // A commit waits for the disk, so that it does not matter whether its mark got lost.
      if (!isContentKept && record.kind() == Kind.ACTIVE && root.isUnsettledCopy(record.id())) {
        unsettled.add(record.name());
      }
      if (unsettled.contains(record.name())) {
        continue;
      }
      if (isContentKept || record.kind() != Kind.ACTIVE) {
        assertThat(found).as("files of %s", record.name()).isEqualTo(expected);
      } else {
        // What a container writes is as durable as it makes it; what it was given is there.
        files.own(record.name()).keySet().forEach(expected::remove);
        assertThat(found).as("files of %s", record.name()).containsAllEntriesOf(expected);
        files.replace(record.name(), found, expected);
      }
    }
  }

  @Override
  public void close() {
    machine.close();
  }
}
