package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A configured SELinux context on a kernel without SELinux: the mount options, and the message for
 * the operator. Only a kernel with SELinux could show the effect.
 */
class SelinuxContextIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final String CONTEXT = "no:such:context";
  private static final String REFUSAL = "fsconfig erofs context: EINVAL";
  private static final String KEY = "k8s.io/1/extract-123456789-abcd sha256:00";
  private static final byte[] LAYER = TarBuilder.pax().file("file", 0644, "content").finish();

  private Path directory;

  @BeforeEach
  void makeDirectory() {
    directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("selinux-");
  }

  private EngineRoot open(LayerSetting layers, String context) throws Exception {
    return EngineRoot.open(
        new LinuxDisk(),
        TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN)
            .withLayers(layers)
            .withSelinuxContext(context),
        InstantSource.system(),
        LayerBlobs.NONE,
        "boot");
  }

  private void unpack(EngineRoot engine, String name) {
    List<Mount> mounts = engine.snapshotter().prepare(KEY, "", NO_LABELS);
    engine
        .unpacker(1)
        .find(mounts)
        .unpack(
            new BytesBlob(Compressed.gzip(LAYER)),
            false,
            NextLayerHint.UNKNOWN,
            new Cancellation());
    engine.snapshotter().commit(name, KEY, "", NO_LABELS);
  }

  @Test
  void indexedLayersThatAreAskedForAreRefusedAndTheKeyIsNamed() {
    assertThatThrownBy(() -> open(LayerSetting.INDEXED, CONTEXT).close())
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("layers = \"indexed\" is configured, and does not work: ")
        .hasMessageContaining("with selinux_context = \"no:such:context\": ")
        .hasMessageContaining(REFUSAL);
  }

  @Test
  void directoriesTakeTheirPlaceWhereTheChoiceIsFree() throws Exception {
    try (EngineRoot engine = open(LayerSetting.AUTO, CONTEXT)) {
      unpack(engine, "layer");
      assertThat(directory.resolve("snapshots/1/fs/file")).hasContent("content");
      assertThat(directory.resolve("layers")).doesNotExist();
    }
  }

  @Test
  void layerThatIsThereIsNotMountedWithoutItsContextAndTheRequestIsToldWhy() throws Exception {
    try (EngineRoot engine = open(LayerSetting.INDEXED, "")) {
      unpack(engine, "layer");
    }
    try (EngineRoot engine = open(LayerSetting.DIRECTORY, CONTEXT)) {
      assertThatThrownBy(() -> engine.snapshotter().view("view", "layer", NO_LABELS))
          .isInstanceOf(SnapshotException.StorageFailure.class)
          .hasMessageContaining("view view: " + REFUSAL);
      assertThat(directory.resolve("snapshots/1")).isEmptyDirectory();
      assertThatThrownBy(() -> engine.snapshotter().stat("view"))
          .isInstanceOf(SnapshotException.NotFound.class);
    }
    try (EngineRoot engine = open(LayerSetting.DIRECTORY, "")) {
      engine.snapshotter().view("view", "layer", NO_LABELS);
      assertThat(directory.resolve("snapshots/1/fs/file")).hasContent("content");
    } finally {
      Mounts.umount2(LinuxPath.of(directory.resolve("snapshots/1")), UnmountFlag.DETACH);
    }
  }
}
