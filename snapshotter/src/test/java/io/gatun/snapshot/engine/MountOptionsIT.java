package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Mount options from the configuration and the driver, as the kernel reports them. */
class MountOptionsIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();

  @ParameterizedTest
  @EnumSource
  void configuredOptionsReachTheKernel(Kind kind) throws Exception {
    var settings = TestRoots.withMountOptions("redirect_dir=on", "noatime", "index=on");
    try (EngineRoot root = open(kind, settings)) {
      List<Mount> mounts = prepareContainer(root.snapshotter());
      assertThat(mounts.getFirst().options()).doesNotContain("index=off");
      try (KernelMount container = KernelMount.of(mounts)) {
        assertThat(mountinfo(container.path())).contains("redirect_dir=on", "noatime", "index=on");
        // Without the option, the kernel refuses this rename.
        Files.move(container.path().resolve("directory"), container.path().resolve("renamed"));
        assertThat(container.path().resolve("renamed/file")).exists();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void indexIsOffUnlessItIsChosen(Kind kind) throws Exception {
    try (EngineRoot root = open(kind, TestRoots.PLAIN)) {
      List<Mount> mounts = prepareContainer(root.snapshotter());
      assertThat(mounts.getFirst().options()).endsWith("index=off").doesNotContain("userxattr");
      try (KernelMount container = KernelMount.of(mounts)) {
        assertThat(mountinfo(container.path())).doesNotContain("index=on");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void attributesOfTheUserAreUsedWhereTheyAreChosen(Kind kind) throws Exception {
    try (EngineRoot root = open(kind, TestRoots.withMountOptions("userxattr"))) {
      List<Mount> mounts = prepareContainer(root.snapshotter());
      try (KernelMount container = KernelMount.of(mounts)) {
        Files.delete(container.path().resolve("directory/file"));
        Files.delete(container.path().resolve("directory"));
        Files.createDirectory(container.path().resolve("directory"));
      }
      Path upper = WalkingDiffer.option(mounts.getFirst(), "upperdir=");
      assertThat(Xattr.llistxattr(Fd.CURRENT_DIRECTORY, LinuxPath.of(upper.resolve("directory"))))
          .contains(LinuxPath.of("user.overlay.opaque"))
          .doesNotContain(LinuxPath.of("trusted.overlay.opaque"));
    }
  }

  @ParameterizedTest
  @EnumSource(names = "EXT4")
  void optionThatTheKernelDoesNotKnowShowsWhenItIsMounted(Kind kind) throws Exception {
    try (EngineRoot root = open(kind, TestRoots.withMountOptions("no_such_option"))) {
      List<Mount> mounts = prepareContainer(root.snapshotter());
      assertThatThrownBy(() -> KernelMount.of(mounts)).isInstanceOf(ErrnoException.class);
    }
  }

  @ParameterizedTest
  @EnumSource
  void labelTellsWhereTheFilesOfASnapshotAre(Kind kind) throws Exception {
    var settings = new OverlaySettings(List.of(), false, false, false, true);
    try (EngineRoot root = open(kind, settings)) {
      Snapshotter snapshots = root.snapshotter();
      List<Mount> mounts = prepareContainer(snapshots);
      String label =
          snapshots.stat("container").labels().get("containerd.io/snapshot/overlay.upperdir");
      assertThat(label).isNotNull();
      try (KernelMount container = KernelMount.of(mounts)) {
        Files.writeString(container.path().resolve("written"), "through the mount");
        assertThat(Path.of(label).resolve("written")).hasContent("through the mount");
      }
    }
  }

  private static List<Mount> prepareContainer(Snapshotter snapshots) throws Exception {
    try (KernelMount base = KernelMount.of(snapshots.prepare("base-key", "", NO_LABELS))) {
      Files.createDirectory(base.path().resolve("directory"));
      Files.createFile(base.path().resolve("directory/file"));
    }
    snapshots.commit("base", "base-key", "", NO_LABELS);
    return snapshots.prepare("container", "base", NO_LABELS);
  }

  private static String mountinfo(Path mount) throws Exception {
    return Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
        .filter(line -> line.contains(" " + mount + " "))
        .findFirst()
        .orElseThrow();
  }

  private static EngineRoot open(Kind kind, OverlaySettings settings) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    return TestRoots.open(directory, DriverSetting.OVERLAY, settings);
  }
}
