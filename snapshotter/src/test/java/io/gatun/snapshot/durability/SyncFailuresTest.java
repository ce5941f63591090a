package io.gatun.snapshot.durability;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.Effect;
import io.gatun.snapshot.fault.LayerSyncs;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fault.QuietLogs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Data written before a failed sync is lost, although the next sync succeeds; it must never become
 * a layer.
 */
@Timeout(60)
@ParameterizedClass
@EnumSource
@ExtendWith(QuietLogs.class)
class SyncFailuresTest {

  private static final Map<String, String> NO_LABELS = Map.of();

  /** The content of a layer, which decides how it is synced. */
  enum Content {
    /** Few files. */
    FILES,
    /** Includes a node that cannot be synced alone. */
    FILE_AND_LINK
  }

  private final Content content;
  private Machine machine;

  SyncFailuresTest(Content content) {
    this.content = content;
  }

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

  private void prepare(String key) {
    Path top = Path.of(snapshots().prepare(key, "", NO_LABELS).getFirst().source());
    machine.write(key, "file", "content of " + key);
    if (content == Content.FILE_AND_LINK) {
      link(top.resolve("link"));
    }
  }

  private static void link(Path link) {
    try {
      Files.createSymbolicLink(link, Path.of("file"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void commit(String key) {
    snapshots().commit("layer of " + key, key, "", NO_LABELS);
  }

  private void failSyncs(Errno errno) {
    machine.disk().breakDown(LayerSyncs::isOne, errno);
  }

  private void assertRefused(String key) {
    assertThatThrownBy(() -> commit(key))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining(key)
        .hasMessageContaining("remove it, and unpack the layer again");
    assertThat(snapshots().stat(key).kind()).isEqualTo(Kind.ACTIVE);
  }

  private void failToCommit(String key, Errno errno) {
    failSyncs(errno);
    assertThatThrownBy(() -> commit(key))
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageContaining(key)
        .hasMessageContaining(errno.name());
    assertThat(machine.disk().fired()).isPresent();
    machine.disk().heal();
  }

  @Test
  void aLayerUnderAFailedSyncIsNotCommittedByALaterSyncThatSucceeds() {
    prepare("a");
    failToCommit("a", Errno.EIO);
    assertRefused("a");
    snapshots().remove("a");
  }

  @Test
  void lackOfSpaceIsNoReasonToTryAgain() {
    prepare("a");
    failToCommit("a", Errno.ENOSPC);
    assertRefused("a");
  }

  @Test
  void itConcernsAllThatWereThereAndNoneMadeLater() {
    prepare("a");
    prepare("committed before");
    commit("committed before");
    prepare("b");
    failToCommit("a", Errno.EIO);
    assertRefused("b");
    prepare("c");
    commit("c");
    snapshots().prepare("on the one before", "layer of committed before", NO_LABELS);
    commit("on the one before");
  }

  @Test
  void theNextDaemonKnowsOfIt() throws Exception {
    prepare("a");
    prepare("b");
    failToCommit("a", Errno.EIO);
    machine.kill();
    machine.start();
    assertRefused("b");
    machine.stop();
    machine.start();
    assertRefused("b");
    machine.cutPower();
    machine.start();
    assertRefused("a");
    prepare("c");
    commit("c");
  }

  @Test
  void aCheckpointKeepsIt() throws Exception {
    prepare("a");
    failToCommit("a", Errno.EIO);
    for (int i = 0; i < 40; i++) {
      snapshots().update("a", Map.of("label", "x".repeat(4_000)), List.of());
    }
    machine.settle();
    machine.kill();
    machine.start();
    assertRefused("a");
  }

  @Test
  void nothingIsCommittedBeforeItIsRecorded() throws Exception {
    prepare("a");
    prepare("b");
    machine
        .disk()
        .breakDown(
            (effect, path) ->
                LayerSyncs.isOne(effect, path)
                    || (effect == Effect.WRITE && path.toString().contains("journal")),
            Errno.EIO);
    assertThatThrownBy(() -> commit("a")).isInstanceOf(SnapshotException.StorageFailure.class);
    machine
        .disk()
        .breakDown(
            (effect, path) -> effect == Effect.WRITE && path.toString().contains("journal"),
            Errno.EIO);
    assertThatThrownBy(() -> commit("b")).isInstanceOf(SnapshotException.Unavailable.class);
    machine.disk().heal();
    awaitMetadata();
    assertRefused("b");
    machine.kill();
    machine.start();
    assertRefused("a");
  }

  /** The store limits the rate of its recovery attempts. */
  private void awaitMetadata() throws InterruptedException {
    while (true) {
      try {
        snapshots().prepare("probe", "", NO_LABELS);
        return;
      } catch (SnapshotException.Unavailable e) {
        Thread.sleep(50);
      }
    }
  }

  @Test
  void anEmptyLayerHasNothingToLose() {
    snapshots().prepare("empty", "", NO_LABELS);
    prepare("a");
    failToCommit("a", Errno.EIO);
    commit("empty");
  }

  @Test
  void aCopyUnderAFailedSyncIsNotCommitted() {
    prepare("a");
    commit("a");
    failSyncs(Errno.EIO);
    snapshots().prepare("copy", "layer of a", NO_LABELS);
    machine.settle();
    assertThat(machine.disk().fired()).isPresent();
    machine.disk().heal();
    assertRefused("copy");
    snapshots().remove("copy");
    snapshots().prepare("copy", "layer of a", NO_LABELS);
    commit("copy");
  }
}
