package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fault.MachineStoppedException;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: whenever the machine stops while a layer is unpacked without a parent and rebased, the
 * snapshot is either committed and correct, or, once Apply was acknowledged, can still be committed
 * correctly, or can at least be removed. Method: a stop in place of each effect on the disk in
 * turn.
 */
@ExtendWith(QuietLogs.class)
@Timeout(600)
class RebaseStopsIT {

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final String BASE = "default/1/extract-1-a sha256:00";
  private static final String LAYER = "default/2/extract-2-a sha256:01";

  /** With fewer effects, the test misses some. */
  private static final int EFFECTS_MIN = 20;

  private static final byte[] BASE_TAR =
      TarBuilder.pax()
          .modified(7)
          .owner(5, 6)
          .xattr("user.a", "1".getBytes(StandardCharsets.US_ASCII))
          .directory("srv", 02750)
          .file("srv/gone", 0644, "gone")
          .finish();

  private static final byte[] LAYER_TAR =
      TarBuilder.pax()
          .modified(11)
          .file("srv/f", 0644, "one")
          .whiteout("srv/gone")
          .file("srv/new/f", 0600, "two")
          .finish();

  private static final String UPPER = "upperdir=";

  enum Stopping {
    KILL {
      @Override
      void end(Machine machine) {
        machine.kill();
      }
    },
    POWER_CUT {
      @Override
      void end(Machine machine) {
        machine.cutPower();
      }
    };

    abstract void end(Machine machine);
  }

  /** {@return the directory with the files of the snapshot} */
  private static Path unpack(Machine machine, String key, String parent, byte[] tar) {
    List<Mount> mounts = machine.snapshotter().prepare(key, parent, NO_LABELS);
    machine
        .unpacker()
        .find(mounts)
        .unpack(new BytesBlob(tar), false, NextLayerHint.UNKNOWN, new Cancellation());
    return files(mounts);
  }

  private static Path files(List<Mount> mounts) {
    Mount mount = mounts.getFirst();
    return Path.of(
        mount.options().stream()
            .filter(option -> option.startsWith(UPPER))
            .map(option -> option.substring(UPPER.length()))
            .findFirst()
            .orElse(mount.source()));
  }

  private static void makeBase(Machine machine) {
    var _ = unpack(machine, BASE, "", BASE_TAR);
    machine.snapshotter().commit("base", BASE, "", NO_LABELS);
  }

  /** {@return the lines of the layer with these files} */
  private static List<String> manifest(Machine machine, Path files) throws Exception {
    try (Fd top = Fcntl.open(LinuxPath.of(files), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      assertThat(machine.snapshotter().usage("layer")).isEqualTo(TreeUsage.of(top));
    }
    return TreeManifest.of(files, Set.of()).stream()
        .skip(1)
        // The model of the disk writes in order to undo writes, which changes times.
        .map(line -> line.replaceAll("mtime=[0-9]+[.][0-9]+", ""))
        .toList();
  }

  private static List<String> expected() throws Exception {
    try (Machine machine = Machine.create(DriverSetting.OVERLAY)) {
      machine.start();
      makeBase(machine);
      Path files = unpack(machine, LAYER, "base", LAYER_TAR);
      machine.snapshotter().commit("layer", LAYER, "", NO_LABELS);
      return manifest(machine, files);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whereverTheMachineStopsTheLayerIsWholeOrCanBeRemoved(Stopping stopping) throws Exception {
    List<String> expected = expected();
    assertThat(expected).anyMatch(line -> line.startsWith("srv type=DIRECTORY mode=2750 uid=5"));
    int nth = 1;
    while (isStoppedAt(nth, stopping, expected)) {
      nth++;
    }
    assertThat(nth).isGreaterThan(EFFECTS_MIN);
  }

  private static boolean isStoppedAt(int nth, Stopping stopping, List<String> expected)
      throws Exception {
    try (Machine machine = Machine.create(DriverSetting.OVERLAY)) {
      machine.start();
      makeBase(machine);
      List<Mount> mounts = machine.snapshotter().prepare(LAYER, "", NO_LABELS);
      machine.disk().planFault(nth, new Fault.Stop());
      boolean isApplied = false;
      boolean isCommitted = false;
      try {
        machine
            .unpacker()
            .find(mounts)
            .unpack(new BytesBlob(LAYER_TAR), false, NextLayerHint.UNKNOWN, new Cancellation());
        isApplied = true;
        machine.snapshotter().commit("layer", LAYER, "base", NO_LABELS);
        isCommitted = true;
      } catch (MachineStoppedException | SnapshotException e) {
        if (!machine.disk().isStopped()) {
          throw e;
        }
      }
      boolean isStopped = machine.disk().isStopped();
      stopping.end(machine);
      machine.start();
      check(machine, nth, files(mounts), isApplied, isCommitted, expected);
      return isStopped;
    }
  }

  private static void check(
      Machine machine,
      int nth,
      Path files,
      boolean isApplied,
      boolean isCommitted,
      List<String> expected)
      throws Exception {
    Snapshotter snapshots = machine.snapshotter();
    Map<String, SnapshotInfo> listed = TestEngine.list(snapshots);
    if (isCommitted) {
      assertThat(listed).as("effect %d", nth).containsKey("layer");
    }
    if (!listed.containsKey("layer") && !isApplied) {
      snapshots.remove(LAYER);
      return;
    }
    if (!listed.containsKey("layer")) {
      snapshots.commit("layer", LAYER, "base", NO_LABELS);
    }
    assertThat(manifest(machine, files)).as("effect %d", nth).isEqualTo(expected);
  }
}
