package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Indexed layers where the kernel cannot mount files: on a filesystem in memory, and everywhere
 * before Linux 6.12. The layers are the same, but mounted by loop devices, which come and go with
 * the mounts.
 */
final class LoopDeviceLayersIT {

  private static final Map<String, String> NO_LABELS = Map.of();

  @TempDir Path directory;

  @BeforeEach
  void mount() throws IOException {
    Mounts.mount(LinuxPath.of("tmpfs"), LinuxPath.of(directory), "tmpfs", Set.of(), "mode=755");
  }

  @AfterEach
  void unmount() throws IOException {
    KernelMounts.detachAll(directory);
    Mounts.umount2(LinuxPath.of(directory), UnmountFlag.DETACH);
  }

  private EngineRoot open() throws Exception {
    return EngineRoot.open(
        new LinuxDisk(),
        TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN)
            .withLayers(LayerSetting.INDEXED),
        InstantSource.system(),
        LayerBlobs.NONE,
        "boot");
  }

  private static void unpack(EngineRoot engine, String name, String parent, LayerBlob layer) {
    String key = "k8s.io/1/extract-%s sha256:00".formatted(name);
    List<Mount> mounts = engine.snapshotter().prepare(key, parent, NO_LABELS);
    engine.unpacker(1).find(mounts).unpack(layer, false, NextLayerHint.UNKNOWN, new Cancellation());
    engine.snapshotter().commit(name, key, "", NO_LABELS);
  }

  private static LayerBlob layer(TarBuilder tar) {
    return new BytesBlob(Compressed.gzip(tar.finish()));
  }

  /** {@return the backing files of loop devices that are in the root, loop(4)} */
  private List<String> devices() throws IOException {
    List<String> files = new ArrayList<>();
    try (Stream<Path> all = Files.list(Path.of("/sys/block"))) {
      for (Path device : all.toList()) {
        try {
          String file = Files.readString(device.resolve("loop/backing_file")).strip();
          if (file.startsWith(directory + "/layers/")) {
            files.add(file.substring(file.lastIndexOf('/') + 1).replaceAll("-.*", ""));
          }
        } catch (IOException e) {
          // Not a loop device, or one that has no file, or has just lost it.
        }
      }
    }
    return files;
  }

  @Test
  void layersAreMountedKeptOverARestartAndGo() throws Exception {
    List<Mount> mounts;
    try (EngineRoot engine = open()) {
      unpack(
          engine,
          "base",
          "",
          layer(TarBuilder.pax().file("base", 0644, "of base").file("gone", 0644, "")));
      unpack(
          engine,
          "top",
          "base",
          layer(TarBuilder.pax().file("top", 0644, "of top").whiteout("gone")));
      assertThat(directory.resolve("layers")).isNotEmptyDirectory();
      mounts = engine.snapshotter().prepare("container", "top", NO_LABELS);
      assertThat(devices()).containsExactlyInAnyOrder("tar", "index", "tar", "index");
      try (KernelMount container = KernelMount.of(mounts)) {
        assertThat(container.path().toFile().list()).containsExactlyInAnyOrder("base", "top");
        assertThat(container.path().resolve("base")).hasContent("of base");
        Files.writeString(container.path().resolve("top"), "of the container");
      }
    }
    try (EngineRoot engine = open();
        KernelMount container = KernelMount.of(engine.snapshotter().mounts("container"))) {
      assertThat(devices()).hasSize(4);
      assertThat(container.path().resolve("top")).hasContent("of the container");
    }
    try (EngineRoot engine = open()) {
      engine.snapshotter().remove("container");
      engine.snapshotter().remove("top");
      engine.snapshotter().remove("base");
      engine.snapshotter().cleanup();
    }
    assertThat(directory.resolve("layers")).isEmptyDirectory();
    assertThat(devices()).isEmpty();
  }
}
