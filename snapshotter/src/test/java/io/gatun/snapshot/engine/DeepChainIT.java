package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** As many layers as containerd's own suite uses; their mount options exceed a page. */
class DeepChainIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final int LAYERS = 128;
  private static final int PAGE_BYTES = 4096;
  private static final String LOWER = "lowerdir=";

  @TempDir Path temporary;

  @ParameterizedTest
  @CsvSource({"OVERLAY,EXT4", "NATIVE,XFS"})
  void deepChainsAreWrittenCommittedAndShown(DriverSetting driver, Kind kind) throws Exception {
    try (EngineRoot root = open(driver, kind)) {
      Snapshotter snapshots = root.snapshotter();
      String parent = "";
      for (int i = 0; i < LAYERS; i++) {
        try (KernelMount mount = KernelMount.of(snapshots.prepare("key", parent, NO_LABELS))) {
          Files.writeString(mount.path().resolve("newest"), Integer.toString(i));
          Files.createFile(mount.path().resolve("layer-" + i));
        }
        snapshots.commit("layer-" + i, "key", "", NO_LABELS);
        parent = "layer-" + i;
      }
      try (KernelMount view = KernelMount.of(snapshots.view("view", parent, NO_LABELS))) {
        assertAllLayersShow(view.path());
      }
      try (KernelMount container =
          KernelMount.of(snapshots.prepare("container", parent, NO_LABELS))) {
        assertAllLayersShow(container.path());
      }
    }
  }

  /** containerd mounts from the common directory, with paths relative to it. */
  @ParameterizedTest
  @EnumSource
  void optionsFitIntoAPageOnceTheyAreShortened(Kind kind) throws Exception {
    try (EngineRoot root = open(DriverSetting.OVERLAY, kind)) {
      Snapshotter snapshots = root.snapshotter();
      String parent = "";
      for (int i = 0; i < LAYERS; i++) {
        Path files = Path.of(files(snapshots.prepare("key", parent, NO_LABELS)));
        Files.writeString(files.resolve("newest"), Integer.toString(i));
        Files.createFile(files.resolve("layer-" + i));
        snapshots.commit("layer-" + i, "key", "", NO_LABELS);
        parent = "layer-" + i;
      }
      for (Mount mount :
          List.of(
              snapshots.view("view", parent, NO_LABELS).getFirst(),
              snapshots.prepare("container", parent, NO_LABELS).getFirst())) {
        mountFrom(mount, DeepChainIT::assertAllLayersShow);
      }
    }
  }

  /** Every other layer is indexed, each with its own index, so that no lower occurs twice. */
  @Test
  void deepChainsOfBothFormsFitIntoAPageAndShowAllLayers() throws Exception {
    Path directory = FILESYSTEMS.of(Kind.EXT4).createDirectory("root-");
    try (EngineRoot root = openForTars(directory)) {
      Snapshotter snapshots = root.snapshotter();
      String parent = "";
      for (int i = 0; i < LAYERS; i++) {
        if (i % 2 == 0) {
          unpack(root, i, parent);
        } else {
          write(snapshots, i, parent);
        }
        parent = "layer-" + i;
      }
      assertThat(TestEngine.names(directory.resolve("layers"))).hasSize(LAYERS / 2);
      Mount view = snapshots.view("view", parent, NO_LABELS).getFirst();
      Mount container = snapshots.prepare("container", parent, NO_LABELS).getFirst();
      assertThat(KernelMounts.ids(directory)).hasSize(LAYERS / 2);
      assertThat(lowers(view)).hasSize(LAYERS).doesNotHaveDuplicates();
      mountFrom(view, DeepChainIT::assertAllFilesShow);
      mountFrom(container, DeepChainIT::assertFilesAreCopiedUp);
    } finally {
      KernelMounts.detachAll(directory);
    }
  }

  private static EngineRoot openForTars(Path directory) throws Exception {
    return EngineRoot.open(
        new LinuxDisk(),
        TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN)
            .withLayers(LayerSetting.INDEXED),
        InstantSource.system());
  }

  private static void unpack(EngineRoot root, int layer, String parent) throws Exception {
    String key = "k8s.io/%d/extract-123456789-abcd sha256:%03d".formatted(layer, layer);
    byte[] tar =
        TarBuilder.pax()
            .directory("all", 0755)
            .file("all/" + layer, 0644, "content of " + layer)
            .file("layer-" + layer, 0644, "")
            .file("newest", 0644, Integer.toString(layer))
            .finish();
    List<Mount> mounts = root.snapshotter().prepare(key, parent, NO_LABELS);
    root.unpacker(1)
        .find(mounts)
        .unpack(new BytesBlob(tar), false, NextLayerHint.UNKNOWN, new Cancellation());
    root.snapshotter().commit("layer-" + layer, key, "", NO_LABELS);
  }

  private static void write(Snapshotter snapshots, int layer, String parent) throws Exception {
    Path files = Path.of(files(snapshots.prepare("key", parent, NO_LABELS)));
    Files.createDirectory(files.resolve("all"));
    Files.writeString(files.resolve("all/" + layer), "content of " + layer);
    Files.createFile(files.resolve("layer-" + layer));
    Files.writeString(files.resolve("newest"), Integer.toString(layer));
    snapshots.commit("layer-" + layer, "key", "", NO_LABELS);
  }

  private static void assertAllFilesShow(Path top) throws Exception {
    assertAllLayersShow(top);
    assertThat(TestEngine.names(top.resolve("all"))).hasSize(LAYERS);
    Object device = Files.getAttribute(top, "unix:dev");
    for (int i = 0; i < LAYERS; i++) {
      Path file = top.resolve("all/" + i);
      assertThat(file).hasContent("content of " + i);
      assertThat(Files.getAttribute(file, "unix:dev")).isEqualTo(device);
    }
  }

  private static void assertFilesAreCopiedUp(Path top) throws Exception {
    assertAllFilesShow(top);
    // Layers of both forms, at the bottom, in the middle and at the top.
    for (int i : new int[] {0, 1, LAYERS / 2, LAYERS / 2 + 1, LAYERS - 2, LAYERS - 1}) {
      Path file = top.resolve("all/" + i);
      Object inode = Files.getAttribute(file, "unix:ino");
      Files.writeString(file, "content of " + i + ", changed");
      assertThat(file).hasContent("content of " + i + ", changed");
      assertThat(Files.getAttribute(file, "unix:ino")).isEqualTo(inode);
    }
  }

  private static List<String> lowers(Mount mount) {
    return mount.options().stream()
        .filter(option -> option.startsWith(LOWER))
        .flatMap(option -> Stream.of(option.substring(LOWER.length()).split(":", -1)))
        .toList();
  }

  /** An inspection of a mount. */
  private interface Looker {
    void look(Path top) throws Exception;
  }

  private void mountFrom(Mount mount, Looker looker) throws Exception {
    String options = String.join(",", mount.options());
    assertThat(options.length()).isGreaterThan(PAGE_BYTES);
    Path common = Path.of(files(List.of(mount))).resolve("../..").normalize();
    String shortened =
        options.replace(common + "/", "").replaceAll("(upperdir|workdir)=", "$1=" + common + "/");
    assertThat(shortened.length()).isLessThan(PAGE_BYTES);
    mountFrom(common, shortened, looker);
  }

  private void mountFrom(Path directory, String options, Looker looker) throws Exception {
    ProcessBuilder command =
        new ProcessBuilder(
                "mount", "-i", "-t", "overlay", "-o", options, "overlay", temporary.toString())
            .directory(directory.toFile())
            .inheritIO();
    // containerd calls mount(2). The newer calls accept at most 255 bytes per option.
    command.environment().put("LIBMOUNT_FORCE_MOUNT2", "always");
    Process process = command.start();
    assertThat(process.waitFor()).isZero();
    try {
      looker.look(temporary);
    } finally {
      Mounts.umount2(LinuxPath.of(temporary), UnmountFlag.DETACH);
    }
  }

  private static void assertAllLayersShow(Path top) {
    assertThat(top.resolve("newest")).hasContent(Integer.toString(LAYERS - 1));
    assertThat(IntStream.range(0, LAYERS))
        .allSatisfy(i -> assertThat(top.resolve("layer-" + i)).exists());
  }

  /** {@return the directory with the files of the snapshot, or of its nearest parent} */
  private static String files(List<Mount> mounts) {
    Mount mount = mounts.getFirst();
    if (mount.type().equals("bind")) {
      return mount.source();
    }
    return mount.options().stream()
        .filter(option -> option.startsWith("upperdir=") || option.startsWith(LOWER))
        .findFirst()
        .orElseThrow()
        .replaceFirst("^[a-z]*=", "")
        .replaceFirst(":.*", "");
  }

  private static EngineRoot open(DriverSetting driver, Kind kind) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    return TestRoots.open(directory, driver, TestRoots.PLAIN);
  }
}
