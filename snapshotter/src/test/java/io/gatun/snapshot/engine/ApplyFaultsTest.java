package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.LayerSyncs;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fault.MachineStoppedException;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.unpack.DirectorySource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Faults of the disk and stops of the machine while a layer is unpacked and made durable. */
@Timeout(120)
@ExtendWith(QuietLogs.class)
class ApplyFaultsTest {

  private static final Map<String, String> NO_LABELS = Map.of();

  private Machine machine;

  @BeforeEach
  void start() throws Exception {
    machine = Machine.create(DriverSetting.NATIVE);
    machine.start();
  }

  @AfterEach
  void close() {
    machine.close();
  }

  private Snapshotter snapshots() {
    return machine.snapshotter();
  }

  private List<Mount> prepare(String key) {
    return snapshots().prepare(key, "", NO_LABELS);
  }

  private StandInLayer layer(String... names) {
    return StandInLayer.of(machine.disk(), names);
  }

  private void apply(List<Mount> mounts, DirectorySource layer) throws IOException {
    machine.applier().apply(mounts, false, layer);
  }

  private static Path files(List<Mount> mounts) {
    return Path.of(mounts.getFirst().source());
  }

  private void failSyncs() {
    machine.disk().breakDown(LayerSyncs::isOne, Errno.EIO);
  }

  @Test
  void layerThatCannotBeMadeDurableIsNotAppliedAndItsSnapshotNeverCommitted() throws Exception {
    List<Mount> mounts = prepare("a");
    failSyncs();
    assertThatThrownBy(() -> apply(mounts, layer("one")))
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageStartingWith("apply a: data of the snapshot (id 1) may be lost")
        .hasMessageContaining("EIO");
    assertThat(machine.disk().fired()).isPresent();
    machine.disk().heal();
    assertThat(files(mounts)).isEmptyDirectory();
    assertThatThrownBy(() -> apply(mounts, layer("one")))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("remove it, and unpack the layer again");
    machine.write("a", "two", "of another differ");
    assertThatThrownBy(() -> snapshots().commit("base", "a", "", NO_LABELS))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("remove it, and unpack the layer again");
    snapshots().remove("a");
    apply(prepare("b"), layer("one"));
    snapshots().commit("base", "b", "", NO_LABELS);
  }

  @Test
  void syncThatFailsForSomebodyElseWhileALayerIsWrittenConcernsIt() throws Exception {
    prepare("other");
    machine.write("other", "file", "content");
    List<Mount> mounts = prepare("a");
    StandInLayer layer =
        layer("one")
            .ending(
                () -> {
                  failSyncs();
                  assertThatThrownBy(() -> snapshots().commit("layer", "other", "", NO_LABELS))
                      .isInstanceOf(SnapshotException.StorageFailure.class);
                  assertThat(machine.disk().fired()).isPresent();
                  machine.disk().heal();
                });
    assertThatThrownBy(() -> apply(mounts, layer))
        .isInstanceOf(SnapshotException.StorageFailure.class);
    assertThat(layer.targets()).hasSize(1);
    assertThat(files(mounts)).isEmptyDirectory();
  }

  @Test
  void syncThatFailsBetweenApplyAndCommitIsKnownAtTheCommit() throws Exception {
    prepare("other");
    machine.write("other", "file", "content");
    apply(prepare("a"), layer("one"));
    failSyncs();
    assertThatThrownBy(() -> snapshots().commit("layer", "other", "", NO_LABELS))
        .isInstanceOf(SnapshotException.StorageFailure.class);
    assertThat(machine.disk().fired()).isPresent();
    machine.disk().heal();
    assertThatThrownBy(() -> snapshots().commit("base", "a", "", NO_LABELS))
        .isInstanceOf(SnapshotException.FailedPrecondition.class);
  }

  @Test
  void committedLayerIsThereAfterAPowerCut() throws Exception {
    List<Mount> mounts = prepare("a");
    apply(mounts, layer("one", "two"));
    snapshots().commit("base", "a", "", NO_LABELS);
    machine.cutPower();
    machine.start();
    assertThat(snapshots().stat("base").kind()).isEqualTo(Kind.COMMITTED);
    assertThat(files(mounts).resolve("one")).hasContent("one");
    assertThat(files(mounts).resolve("two")).hasContent("two");
    assertThat(snapshots().usage("base").inodes()).isEqualTo(3);
  }

  /** Kills the daemon before each effect of an apply, and repeats the apply in the next one. */
  @Test
  void layerThatWasBeingUnpackedByADaemonThatWasKilledIsUnpackedAnew() throws Exception {
    int anew = 0;
    boolean hasStopped = true;
    for (int last = 1; hasStopped; last++) {
      List<Mount> mounts = prepare("a");
      machine.settle();
      machine.disk().planFault(last, new Fault.Stop());
      hasStopped = hasStoppedWhileApplying(mounts);
      machine.kill();
      machine.start();
      String description = "killed before effect " + last;
      try {
        apply(mounts, layer("two", "three"));
        assertThat(hasStopped).as(description).isTrue();
        assertThat(files(mounts).resolve("one")).as(description).doesNotExist();
        assertThat(files(mounts).resolve("three")).as(description).hasContent("three");
        anew++;
      } catch (SnapshotException.Unsupported e) {
        // The layer was complete, although the apply had not returned.
        assertThat(files(mounts).resolve("one")).as(description).hasContent("one");
        assertThat(files(mounts).resolve("two")).as(description).hasContent("two");
      }
      snapshots().remove("a");
      snapshots().cleanup();
      assertThat(last).isLessThan(100);
    }
    assertThat(anew).isGreaterThan(3);
  }

  private boolean hasStoppedWhileApplying(List<Mount> mounts) throws IOException {
    try {
      apply(mounts, layer("one", "two"));
      return false;
    } catch (MachineStoppedException | CompletionException e) {
      assertThat(machine.disk().isStopped()).isTrue();
      return true;
    }
  }

  @Test
  void partOfALayerIsNotCommittedByTheNextDaemonEither() throws Exception {
    List<Mount> mounts = prepare("a");
    machine.settle();
    StandInLayer layer =
        layer("one")
            .ending(
                () -> {
                  machine.disk().planFault(1, new Fault.Stop());
                  machine.write("a", "two", "the last");
                });
    assertThatThrownBy(() -> apply(mounts, layer)).isInstanceOf(RuntimeException.class);
    assertThat(machine.disk().isStopped()).isTrue();
    machine.kill();
    machine.start();
    assertThat(files(mounts).resolve("one")).hasContent("one");
    assertThatThrownBy(() -> snapshots().commit("base", "a", "", NO_LABELS))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("unpack the layer again");
    apply(mounts, layer("two"));
    snapshots().commit("base", "a", "", NO_LABELS);
    assertThat(files(mounts).resolve("one")).doesNotExist();
  }

  /** Stops the machine at each effect of an apply that fails, and of the deletion of its files. */
  @Test
  void snapshotIsThereWhateverTheLastEffectWas() throws Exception {
    boolean hasStopped = true;
    for (int last = 1; hasStopped; last++) {
      List<Mount> mounts = prepare("a");
      machine.settle();
      machine.disk().planFault(last, new Fault.Stop());
      hasStopped = hasStoppedWhileFailing(mounts);
      machine.cutPower();
      machine.start();
      String description = "stopped before effect " + last;
      assertThat(snapshots().stat("a").kind()).as(description).isEqualTo(Kind.ACTIVE);
      assertThat(files(mounts)).as(description).isDirectory();
      snapshots().remove("a");
      snapshots().cleanup();
      assertThat(machine.root().resolve("snapshots")).as(description).isEmptyDirectory();
      assertThat(machine.root().resolve("trash")).as(description).isEmptyDirectory();
      assertThat(last).isLessThan(100);
    }
  }

  private boolean hasStoppedWhileFailing(List<Mount> mounts) throws IOException {
    try {
      apply(
          mounts,
          layer("one", "two")
              .ending(
                  () -> {
                    throw new IOException("the blob ends early");
                  }));
    } catch (MachineStoppedException | CompletionException e) {
      assertThat(machine.disk().isStopped()).isTrue();
      return true;
    } catch (IOException e) {
      assertThat(e).hasMessage("the blob ends early");
      // A background thread deletes the leftovers, and may meet the last effect.
      snapshots().cleanup();
      return machine.disk().isStopped();
    }
    throw new AssertionError("the layer was applied");
  }
}
