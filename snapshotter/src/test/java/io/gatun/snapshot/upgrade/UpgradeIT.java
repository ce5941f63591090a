package io.gatun.snapshot.upgrade;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.fsck.RootFinding;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Opens roots that an earlier version left when it was killed while it unpacked a layer, in either
 * form of layers.
 */
class UpgradeIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private Path root;

  @BeforeEach
  void createDirectory() {
    root = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("upgrade-");
  }

  @AfterEach
  void unmount() throws Exception {
    UnpackedRoot.unmountLayers(root);
  }

  private static InputStream resource(String name) {
    return Objects.requireNonNull(
        UpgradeIT.class.getResourceAsStream("/roots/v1/" + name), () -> "no archive " + name);
  }

  private void extract(LayerSetting form) throws IOException {
    Path archive = root.resolveSibling(root.getFileName() + ".tar.gz");
    try (InputStream in = resource("unpacked-" + form.configName() + ".tar.gz")) {
      Files.copy(in, archive);
    }
    LoopFilesystem.run(
        List.of(
            "tar",
            "--extract",
            "--gzip",
            "--numeric-owner",
            "--preserve-permissions",
            "--xattrs",
            "--xattrs-include=*",
            "--file=" + archive,
            "--directory=" + root));
  }

  private static List<String> expected() throws IOException {
    try (InputStream in = resource("unpacked.txt")) {
      return new String(in.readAllBytes(), UTF_8).lines().toList();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"DIRECTORY", "INDEXED"})
  void rootWithALayerInFlightIsOpenedWithAllItsFiles(LayerSetting form) throws Exception {
    extract(form);
    try (EngineRoot engine = UnpackedRoot.open(root, form)) {
      assertThat(UnpackedRoot.describe(engine.snapshotter())).containsExactlyElementsOf(expected());
    }
    assertIsUndamaged();
  }

  @ParameterizedTest
  @EnumSource(names = {"DIRECTORY", "INDEXED"})
  void layerThatWasCompleteIsCommitted(LayerSetting form) throws Exception {
    extract(form);
    try (EngineRoot engine = UnpackedRoot.open(root, form)) {
      engine.snapshotter().commit("later", UnpackedRoot.APPLIED, "", Map.of());
      assertThat(UnpackedRoot.view(engine.snapshotter(), "later"))
          .isEqualTo(UnpackedRoot.view(engine.snapshotter(), UnpackedRoot.UPPER));
    }
    assertIsUndamaged();
  }

  /** As by containerd, which prepares the snapshot again under another key. */
  @ParameterizedTest
  @EnumSource(names = {"DIRECTORY", "INDEXED"})
  void layerThatWasInFlightIsUnpackedAgain(LayerSetting form) throws Exception {
    extract(form);
    String key = UnpackedRoot.key("again");
    try (EngineRoot engine = UnpackedRoot.open(root, form)) {
      engine.snapshotter().remove(UnpackedRoot.IN_FLIGHT);
      List<Mount> mounts = engine.snapshotter().prepare(key, UnpackedRoot.UPPER, Map.of());
      UnpackedRoot.unpack(engine, mounts, new BytesBlob(UnpackedRoot.large()));
      engine.snapshotter().commit("large", key, "", Map.of());
      try (KernelMount mount =
          KernelMount.of(engine.snapshotter().view("look", "large", Map.of()))) {
        assertThat(mount.path().resolve("srv/file-199")).hasContent("line 199\n".repeat(1_000));
        assertThat(mount.path().resolve("etc/hostname")).hasContent("changed\n");
      }
      engine.snapshotter().cleanup();
    }
    assertIsUndamaged();
  }

  private void assertIsUndamaged() throws Exception {
    assertThat(RootCheck.of(root).findings())
        .noneMatch(finding -> finding.severity() == RootFinding.Severity.DAMAGE);
  }
}
