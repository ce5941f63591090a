package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.fsck.RootFinding;
import io.gatun.snapshot.fsck.RootRepair;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Bits that change on disk under indexed layers whose correct content is still in the page cache.
 */
class WarmCacheIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final int PAGE_BYTES = 4096;
  private static final int FILES = 200;

  private final Map<Digest, byte[]> blobs = new HashMap<>();
  private Path directory = Path.of("");

  /** {@return a layer in which each page, also of its index, is unique} */
  private static byte[] layer(String mark, LoopFilesystem.Kind kind) {
    TarBuilder tar = TarBuilder.pax().modified(1_000).directory(mark, 0755);
    for (int i = 0; i < FILES; i++) {
      String name = "%s/%s file %d".formatted(mark, kind, i);
      tar.file(name, 0600 | i % 64, (name + " ").repeat(40));
    }
    return tar.finish();
  }

  private EngineRoot open() throws Exception {
    return EngineRoot.open(
        new LinuxDisk(),
        settings().withLayers(LayerSetting.INDEXED),
        InstantSource.system(),
        this::blob,
        "boot");
  }

  private EngineSettings settings() {
    return TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN);
  }

  private Optional<LayerBlob> blob(Digest digest) {
    return Optional.ofNullable(blobs.get(digest)).map(BytesBlob::new);
  }

  private void unpack(EngineRoot engine, byte[] layer, String name, String parent)
      throws Exception {
    String key = "k8s.io/1/extract-123456789-ab12 sha256:" + name;
    byte[] blob = Compressed.gzip(layer);
    blobs.put(BytesBlob.digestOf(blob), blob);
    Snapshotter snapshots = engine.snapshotter();
    engine
        .unpacker(1)
        .find(snapshots.prepare(key, parent, NO_LABELS))
        .unpack(new BytesBlob(blob), false, NextLayerHint.UNKNOWN, new Cancellation());
    snapshots.commit(name, key, "", NO_LABELS);
  }

  private static List<String> manifest(Path mounted) throws Exception {
    List<String> all = TreeManifest.of(mounted, Set.of());
    return all.subList(1, all.size());
  }

  /** {@return the lines of a new view} */
  private static List<String> view(EngineRoot engine) throws Exception {
    try (KernelMount view = KernelMount.of(engine.snapshotter().view("view", "top", NO_LABELS))) {
      return manifest(view.path());
    } finally {
      engine.snapshotter().remove("view");
    }
  }

  private Path layer(byte[] tar) {
    return directory.resolve("layers").resolve(BytesBlob.digestOf(tar).hex());
  }

  private Path tar(byte[] tar) {
    return layer(tar).resolve("tar");
  }

  private Path index(byte[] tar) {
    return TestEngine.names(layer(tar)).stream()
        .filter(name -> name.startsWith("index-"))
        .map(layer(tar)::resolve)
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @EnumSource(
      value = LoopFilesystem.Kind.class,
      names = {"EXT4", "XFS"})
  void bitsThatChangeUnderAWarmCacheAreFoundAndHealed(LoopFilesystem.Kind kind) throws Exception {
    LoopFilesystem filesystem = FILESYSTEMS.of(kind);
    directory = filesystem.createDirectory("warm-");
    byte[] base = layer("base", kind);
    byte[] top = layer("top", kind);
    EngineRoot engine = open();
    try {
      unpack(engine, base, "base", "");
      unpack(engine, top, "top", "base");
      List<String> expected = view(engine);
      assertThat(expected).hasSize(2 * (FILES + 1));
      try (KernelMount running =
          KernelMount.of(engine.snapshotter().prepare("container", "top", NO_LABELS))) {
        for (Path file : List.of(tar(base), index(top))) {
          byte[] content = Files.readAllBytes(file);
          assertThat(manifest(running.path())).isEqualTo(expected);
          filesystem.flipBeneath(Arrays.copyOfRange(content, PAGE_BYTES, 2 * PAGE_BYTES));
          assertThat(Files.readAllBytes(file)).as("in memory").isEqualTo(content);
          assertThat(manifest(running.path())).as("and where it is mounted").isEqualTo(expected);
          engine.close();
          assertFoundAndSetAside(file);
          engine = open();
          assertThat(file).hasBinaryContent(content);
          assertThat(view(engine)).isEqualTo(expected);
          assertThat(manifest(running.path())).as("on the old file").isEqualTo(expected);
        }
      }
    } finally {
      engine.close();
      KernelMounts.detachAll(directory);
    }
  }

  private void assertFoundAndSetAside(Path file) throws Exception {
    RootRepair.Outcome outcome =
        RootRepair.runWithContent(
            new LinuxDisk(), directory, settings().metadata(), false, (_, _) -> {});
    assertThat(outcome.found().findings())
        .filteredOn(finding -> finding.severity() == RootFinding.Severity.DAMAGE)
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding).isInstanceOf(RootFinding.DamagedLayer.class);
              assertThat(finding.place()).isEqualTo(directory.relativize(file).toString());
            });
    assertThat(file).doesNotExist();
  }
}
