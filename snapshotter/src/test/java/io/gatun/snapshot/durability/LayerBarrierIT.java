package io.gatun.snapshot.durability;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.engine.TestRoots;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Which layers are synced alone at commit, and which with the whole filesystem. */
final class LayerBarrierIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final String SYNC_ALL = "syncFilesystem";
  private static final String SYNC_ONE = "sync";

  /** More files than a small layer has. */
  private static final int MANY = 130;

  private final DiskCalls calls = new DiskCalls(new LinuxDisk());

  @FunctionalInterface
  private interface Layer {
    void writeTo(Path top) throws IOException;
  }

  private EngineRoot open(LoopFilesystem.Kind kind) throws Exception {
    return EngineRoot.open(
        calls.disk(),
        TestRoots.settings(
            FILESYSTEMS.of(kind).createDirectory("barrier").resolve("root"),
            DriverSetting.OVERLAY,
            EngineSettings.defaults(Path.of("/")).overlay()),
        InstantSource.system());
  }

  private static void prepare(Snapshotter snapshots, String key, Layer layer) throws IOException {
    layer.writeTo(Path.of(snapshots.prepare(key, "", NO_LABELS).getFirst().source()));
  }

  private static void commit(Snapshotter snapshots, String key) {
    snapshots.commit("layer of " + key, key, "", NO_LABELS);
  }

  /** {@return the number of files and directories synced individually} */
  private int syncedAlone(LoopFilesystem.Kind kind, Layer layer) throws Exception {
    try (EngineRoot root = open(kind)) {
      prepare(root.snapshotter(), "a", layer);
      int before = calls.fileSyncs();
      int all = calls.count(SYNC_ALL);
      commit(root.snapshotter(), "a");
      int alone = calls.fileSyncs() - before;
      assertThat(calls.count(SYNC_ALL) - all).isEqualTo(alone == 0 ? 1 : 0);
      return alone;
    }
  }

  @ParameterizedTest
  @EnumSource
  void filesAndDirectoriesOfASmallLayerAreSyncedByThemselves(LoopFilesystem.Kind kind)
      throws Exception {
    int synced =
        syncedAlone(
            kind,
            top -> {
              Path directory = Files.createDirectories(top.resolve("some/directories"));
              Files.writeString(directory.resolve("file"), "content");
              Files.createLink(top.resolve("link"), directory.resolve("file"));
              Files.createFile(top.resolve("empty"));
            });
    // The top, two directories, and three file names.
    assertThat(synced).isEqualTo(6);
  }

  @ParameterizedTest
  @EnumSource
  void layerWithASymbolicLinkWaitsForAll(LoopFilesystem.Kind kind) throws Exception {
    assertThat(
            syncedAlone(
                kind,
                top -> {
                  Files.writeString(top.resolve("file"), "content");
                  Files.createSymbolicLink(top.resolve("link"), Path.of("file"));
                }))
        .isZero();
  }

  @ParameterizedTest
  @EnumSource
  void layerWithAPipeWaitsForAll(LoopFilesystem.Kind kind) throws Exception {
    assertThat(
            syncedAlone(
                kind, top -> LoopFilesystem.run(List.of("mkfifo", top.resolve("pipe").toString()))))
        .isZero();
  }

  @ParameterizedTest
  @EnumSource
  void layerThatIsNotSmallWaitsForAll(LoopFilesystem.Kind kind) throws Exception {
    assertThat(
            syncedAlone(
                kind,
                top -> {
                  for (int i = 0; i < MANY; i++) {
                    Files.createFile(top.resolve("file-" + i));
                  }
                }))
        .isZero();
  }

  @ParameterizedTest
  @EnumSource
  void failureConcernsAllLayersThatAreNotCommitted(LoopFilesystem.Kind kind) throws Exception {
    try (EngineRoot root = open(kind)) {
      Snapshotter snapshots = root.snapshotter();
      for (String key : new String[] {"a", "b"}) {
        prepare(snapshots, key, top -> Files.writeString(top.resolve("file"), "content"));
      }
      int all = calls.count(SYNC_ALL);
      calls.fail(SYNC_ONE, Errno.EIO);
      assertThatThrownBy(() -> commit(snapshots, "a"))
          .isInstanceOf(SnapshotException.StorageFailure.class)
          .hasMessageContaining("EIO");
      assertThat(calls.count(SYNC_ALL)).isEqualTo(all + 1);
      calls.succeed(SYNC_ONE);
      for (String key : new String[] {"a", "b"}) {
        assertThatThrownBy(() -> commit(snapshots, key))
            .isInstanceOf(SnapshotException.FailedPrecondition.class)
            .hasMessageContaining("remove it, and unpack the layer again");
      }
      // From now on, only a sync of the whole filesystem reports further losses.
      all = calls.count(SYNC_ALL);
      prepare(snapshots, "c", top -> Files.writeString(top.resolve("file"), "content"));
      commit(snapshots, "c");
      assertThat(calls.count(SYNC_ALL)).isEqualTo(all + 1);
    }
  }
}
