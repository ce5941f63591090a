package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fsck.RootRepair;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Indexed layers whose writes the disk has lost, which the filesystem reports with EIO. */
class UnreadableLayersIT {

  private static final Map<String, String> NO_LABELS = Map.of();

  private static final byte[] LAYER =
      TarBuilder.pax().directory("opt", 0755).file("opt/file", 0644, "x".repeat(100_000)).finish();

  private static final byte[] BLOB = Compressed.gzip(LAYER);

  private final LoopFilesystem filesystem = LoopFilesystem.mount(LoopFilesystem.Kind.BTRFS);
  private final Path directory = filesystem.root().resolve("root");
  private EngineRoot engine;

  @BeforeEach
  void unpackAndDamage() throws Exception {
    open();
    unpack("layer");
    engine.close();
    KernelMounts.detachAll(directory);
    assertThat(filesystem.damage(Arrays.copyOf(LAYER, 512))).isPositive();
    assertThatThrownBy(() -> Files.readAllBytes(tar())).isInstanceOf(IOException.class);
  }

  private EngineSettings settings() {
    return TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN)
        .withLayers(LayerSetting.INDEXED);
  }

  private void open() throws Exception {
    engine =
        EngineRoot.open(
            new LinuxDisk(),
            settings(),
            InstantSource.system(),
            UnreadableLayersIT::blob,
            "this boot");
  }

  private static Optional<LayerBlob> blob(Digest digest) {
    return Optional.of(new BytesBlob(BLOB))
        .filter(blob -> blob.digest().equals(digest))
        .map(LayerBlob.class::cast);
  }

  @AfterEach
  void close() throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
    filesystem.close();
  }

  private Snapshotter snapshots() {
    return engine.snapshotter();
  }

  private void unpack(String name) {
    String key = "k8s.io/1/extract-123456789-ab12 sha256:" + name;
    engine
        .unpacker(1)
        .find(snapshots().prepare(key, "", NO_LABELS))
        .unpack(new BytesBlob(BLOB), false, NextLayerHint.UNKNOWN, new Cancellation());
    snapshots().commit(name, key, "", NO_LABELS);
  }

  private Path layer() {
    return directory.resolve("layers").resolve(BytesBlob.digestOf(LAYER).hex());
  }

  private Path tar() {
    return layer().resolve("tar");
  }

  private void assertHealed() throws Exception {
    assertThat(Files.readAllBytes(tar())).isEqualTo(LAYER);
    try (KernelMount view = KernelMount.of(snapshots().view("view", "layer", NO_LABELS))) {
      assertThat(view.path().resolve("opt/file")).hasSize(100_000);
    }
  }

  @Test
  void whoeverReadsItGetsAnErrorAndNothingElse() throws Exception {
    open();
    try (KernelMount view = KernelMount.of(snapshots().view("view", "layer", NO_LABELS))) {
      assertThat(view.path().resolve("opt")).isDirectory();
      assertThatThrownBy(() -> Files.readAllBytes(view.path().resolve("opt/file")))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("Input/output error");
    }
  }

  @Test
  void anApplyMakesItAnew() throws Exception {
    open();
    unpack("again");
    assertHealed();
  }

  @Test
  void aStartMakesItAnewIfItWasNotSynced() throws Exception {
    String blob = BytesBlob.digestOf(BLOB).hex();
    Files.move(layer().resolve("blob-" + blob), layer().resolve("unsynced-" + blob));
    open();
    assertHealed();
  }

  @Test
  void aRepairSetsItAsideForTheNextStart() throws Exception {
    assertThat(
            RootRepair.runWithContent(
                    new LinuxDisk(), directory, settings().metadata(), false, (_, _) -> {})
                .done())
        .filteredOn(sentence -> sentence.contains("is missing now"))
        .hasSize(1);
    open();
    assertHealed();
  }
}
