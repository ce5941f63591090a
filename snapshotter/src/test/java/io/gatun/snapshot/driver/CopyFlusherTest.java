package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.fault.Effect;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fault.QuietLogs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A copy is synced after its prepare was acknowledged, and is never exposed incomplete. */
@Timeout(60)
@ExtendWith(QuietLogs.class)
class CopyFlusherTest {

  private static final Map<String, String> NO_LABELS = Map.of();

  private Machine machine;

  @BeforeEach
  void makeLayer() throws Exception {
    machine = Machine.create(DriverSetting.NATIVE);
    machine.start();
    snapshots().prepare("base", "", NO_LABELS);
    machine.write("base", "file", "content");
    snapshots().commit("layer", "base", "", NO_LABELS);
  }

  @AfterEach
  void close() {
    machine.close();
  }

  private Snapshotter snapshots() {
    return machine.snapshotter();
  }

  /** Creates an unsynced copy and makes further syncs fail. */
  private void prepareUnsettled() {
    machine.disk().breakDown((effect, _) -> effect == Effect.SYNC_FILESYSTEM, Errno.EIO);
    snapshots().prepare("copy", "layer", NO_LABELS);
    machine.settle();
    assertThat(machine.disk().fired()).isPresent();
  }

  private void restartAfterPowerCut() throws Exception {
    machine.cutPower();
    machine.start();
  }

  private Path files(String key) {
    return Path.of(snapshots().mounts(key).getFirst().source());
  }

  private static void assertRefused(ThrowingCallable request) {
    assertThatThrownBy(request)
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("the machine stopped before")
        .hasMessageContaining("remove the snapshot");
  }

  @Test
  void aCopyOutlivesAPowerCutOnceItIsSettled() throws Exception {
    snapshots().prepare("copy", "layer", NO_LABELS);
    machine.settle();
    restartAfterPowerCut();
    assertThat(files("copy").resolve("file")).hasContent("content");
    snapshots().commit("layer of copy", "copy", "", NO_LABELS);
  }

  @Test
  void aCopyThatThePowerCutCameTooEarlyForIsThereAndRefused() throws Exception {
    prepareUnsettled();
    restartAfterPowerCut();
    assertThat(snapshots().stat("copy").kind()).isEqualTo(Kind.ACTIVE);
    assertRefused(() -> snapshots().mounts("copy"));
    assertRefused(() -> snapshots().commit("layer of copy", "copy", "", NO_LABELS));
    snapshots().remove("copy");
    snapshots().prepare("copy", "layer", NO_LABELS);
    assertThat(files("copy").resolve("file")).hasContent("content");
  }

  @Test
  void itIsStillRefusedAfterOneMoreStart() throws Exception {
    prepareUnsettled();
    restartAfterPowerCut();
    machine.settle();
    machine.stop();
    machine.start();
    assertRefused(() -> snapshots().mounts("copy"));
  }

  @Test
  void theNextDaemonSettlesWhatAKilledOneDidNot() throws Exception {
    machine
        .disk()
        .breakDown(
            (effect, path) ->
                effect == Effect.REMOVE_FILE && path.toString().endsWith("copied-since-boot"),
            Errno.EIO);
    snapshots().prepare("copy", "layer", NO_LABELS);
    machine.settle();
    assertThat(machine.disk().fired()).isPresent();
    machine.kill();
    machine.start();
    assertThat(files("copy").resolve("file")).hasContent("content");
    machine.settle();
    restartAfterPowerCut();
    assertThat(files("copy").resolve("file")).hasContent("content");
  }

  @Test
  void nobodyWaitsForTheDisk() {
    prepareUnsettled();
    assertThat(files("copy").resolve("file")).hasContent("content");
  }

  @Test
  void aCopyThatIsRemovedMeanwhileIsNoFault() throws Exception {
    for (int i = 0; i < 50; i++) {
      snapshots().prepare("copy", "layer", NO_LABELS);
      snapshots().remove("copy");
    }
    machine.settle();
    try (Stream<Path> left = Files.list(machine.root().resolve("snapshots"))) {
      assertThat(left).hasSize(1);
    }
  }
}
