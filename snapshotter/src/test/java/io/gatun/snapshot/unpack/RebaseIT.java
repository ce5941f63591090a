package io.gatun.snapshot.unpack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.TestRoots;
import io.gatun.snapshot.engine.WalkingDiffer;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers that are unpacked without the layers below them, like containerd 2.2 does in parallel. */
class RebaseIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final Set<TreeManifest.Detail> DETAILS =
      Set.of(TreeManifest.Detail.DIRECTORY_TIMES);

  /** A base with whiteouts that match no file; some tools write such layers. */
  private static final List<String> BASE_WITH_WHITEOUTS =
      List.of(
          "a/",
          "a/kept",
          "a/.wh.x",
          "b/",
          "b/.wh..wh..opq",
          "b/inside",
          "b/c/",
          "b/c/.wh.y",
          ".wh.z");

  private static final List<String> CLEAN_BASE = List.of("a/", "a/kept", "b/", "b/inside", "b/c/");

  private static final List<List<String>> LAYERS =
      List.of(
          List.of("a/", "a/one", "a/two", "b/", "b/one", "b/c/", "b/c/deep", "plain"),
          List.of("a/", "a/.wh.one", "a/three", "b/", "b/.wh..wh..opq", "b/two"),
          List.of("a/", "a/.wh.two", ".wh.plain", "d/", "d/last"));

  private static final List<String> MERGED =
      List.of(".", "a", "a/three", "b", "b/two", "d", "d/last");

  @ParameterizedTest
  @EnumSource
  void baseLosesItsWhiteoutsAndOpaqueMarks(LoopFilesystem.Kind kind) throws Exception {
    try (EngineRoot root = open(kind, true)) {
      Snapshotter snapshots = root.snapshotter();
      String marked = extraction(1);
      List<Mount> mounts = snapshots.prepare(marked, "", NO_LABELS);
      assertThat(mounts).singleElement().extracting(Mount::type).isEqualTo("overlay");
      assertThat(WalkingDiffer.option(mounts.getFirst(), "lowerdir=")).isEmptyDirectory();
      WalkingDiffer.apply(mounts, BASE_WITH_WHITEOUTS);
      Path layer = WalkingDiffer.option(mounts.getFirst(), "upperdir=");
      assertThat(attributes(layer.resolve("b"))).contains(LinuxPath.of("trusted.overlay.opaque"));
      // The kernel has to accept these mounts as well, because not every differ knows the short
      // cut.
      try (KernelMount mount = KernelMount.of(mounts)) {
        assertThat(mount.path().resolve("a/kept")).hasContent("a/kept");
      }
      snapshots.commit("marked", marked, "", NO_LABELS);

      String clean = extraction(2);
      WalkingDiffer.apply(snapshots.prepare(clean, "", NO_LABELS), CLEAN_BASE);
      snapshots.commit("clean", clean, "", NO_LABELS);

      try (KernelMount view = KernelMount.of(snapshots.view("v", "marked", NO_LABELS));
          KernelMount expected = KernelMount.of(snapshots.view("w", "clean", NO_LABELS))) {
        assertThat(below(TreeManifest.of(view.path(), DETAILS)))
            .isEqualTo(below(TreeManifest.of(expected.path(), DETAILS)));
      }
      // The manifest leaves overlay's own attributes out.
      assertThat(attributes(layer.resolve("b")))
          .doesNotContain(LinuxPath.of("trusted.overlay.opaque"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void layersInParallelShowTheSameAsLayersOneAfterTheOther(LoopFilesystem.Kind kind)
      throws Exception {
    List<String> expected;
    try (EngineRoot root = open(kind, false)) {
      expected = manifest(root.snapshotter(), unpackInOrder(root.snapshotter()));
    }
    try (EngineRoot root = open(kind, true)) {
      Snapshotter snapshots = root.snapshotter();
      List<String> found = manifest(snapshots, unpackInParallel(snapshots));
      assertThat(below(found)).isEqualTo(below(expected));
      assertThat(found)
          .extracting(line -> line.substring(0, line.indexOf(" type=")))
          .isEqualTo(MERGED);
      assertThat(snapshots.stat("chain-2").parent()).isEqualTo("chain-1");
      assertThat(snapshots.stat("chain-0").parent()).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource
  void withoutRebaseAndForContainersTheMountIsABind(LoopFilesystem.Kind kind) throws Exception {
    try (EngineRoot root = open(kind, false)) {
      assertThat(root.snapshotter().prepare(extraction(1), "", NO_LABELS))
          .singleElement()
          .matches(mount -> mount.type().equals("bind"))
          .matches(mount -> mount.options().equals(List.of("rw", "rbind")));
    }
    try (EngineRoot root = open(kind, true)) {
      assertThat(root.snapshotter().prepare("default/7/container", "", NO_LABELS))
          .singleElement()
          .matches(mount -> mount.type().equals("bind"));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EXT4"})
  void baseThatCouldNotBeCleanedIsNotCommittedAndMayBeLater(LoopFilesystem.Kind kind)
      throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    try (EngineRoot root =
        EngineRoot.open(
            calls.disk(),
            TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.REBASING),
            InstantSource.system())) {
      Snapshotter snapshots = root.snapshotter();
      String key = extraction(1);
      WalkingDiffer.apply(snapshots.prepare(key, "", NO_LABELS), BASE_WITH_WHITEOUTS);
      calls.fail("removeXattr", Errno.EIO);
      int before = calls.count("removeXattr");
      assertThatThrownBy(() -> snapshots.commit("base", key, "", NO_LABELS))
          .hasMessageContaining("EIO");
      assertThat(calls.count("removeXattr")).isGreaterThan(before);
      assertThat(snapshots.stat(key).kind()).isEqualTo(Kind.ACTIVE);
      calls.succeed("removeXattr");
      snapshots.commit("base", key, "", NO_LABELS);
      try (KernelMount view = KernelMount.of(snapshots.view("v", "base", NO_LABELS))) {
        assertThat(view.path().resolve("a/x")).doesNotExist();
        assertThat(view.path().resolve("b/inside")).hasContent("b/inside");
      }
    }
  }

  private static String unpackInOrder(Snapshotter snapshots) throws Exception {
    String parent = "";
    for (int i = 0; i < LAYERS.size(); i++) {
      WalkingDiffer.apply(snapshots.prepare(extraction(i), parent, NO_LABELS), LAYERS.get(i));
      snapshots.commit("chain-" + i, extraction(i), "", NO_LABELS);
      parent = "chain-" + i;
    }
    return parent;
  }

  /** Like the unpacker of containerd 2.2: all applies at once, and the commits in order. */
  private static String unpackInParallel(Snapshotter snapshots) throws Exception {
    try (ExecutorService unpackers = Executors.newFixedThreadPool(LAYERS.size())) {
      List<Callable<Void>> layers = new ArrayList<>();
      for (int i = 0; i < LAYERS.size(); i++) {
        String key = extraction(i);
        List<String> entries = LAYERS.get(i);
        layers.add(
            () -> {
              WalkingDiffer.apply(snapshots.prepare(key, "", NO_LABELS), entries);
              return null;
            });
      }
      for (Future<Void> layer : unpackers.invokeAll(layers)) {
        layer.get();
      }
    }
    String parent = "";
    for (int i = 0; i < LAYERS.size(); i++) {
      snapshots.commit("chain-" + i, extraction(i), parent, NO_LABELS);
      parent = "chain-" + i;
    }
    return parent;
  }

  private static List<String> manifest(Snapshotter snapshots, String name) throws Exception {
    try (KernelMount view = KernelMount.of(snapshots.view("merged", name, NO_LABELS))) {
      return TreeManifest.of(view.path(), DETAILS);
    }
  }

  /** {@return the manifest without the top, which no layer names; its time is that of the test} */
  private static List<String> below(List<String> manifest) {
    return manifest.subList(1, manifest.size());
  }

  private static List<LinuxPath> attributes(Path file) throws Exception {
    return Xattr.llistxattr(Fd.CURRENT_DIRECTORY, LinuxPath.of(file));
  }

  private static String extraction(int layer) {
    return "k8s.io/%d/extract-123456789-ab%d sha256:0%d".formatted(layer + 1, layer, layer);
  }

  private static EngineRoot open(LoopFilesystem.Kind kind, boolean rebase) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    return TestRoots.open(
        directory, DriverSetting.OVERLAY, rebase ? TestRoots.REBASING : TestRoots.PLAIN);
  }
}
