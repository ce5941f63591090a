package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The files of overlay snapshots, and the trees that the kernel shows. */
class OverlayLayersIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final LinuxPath OPAQUE = LinuxPath.of("trusted.overlay.opaque");

  @ParameterizedTest
  @EnumSource
  void layerHoldsWhatChangedAndMarksForWhatIsGone(Kind kind) throws Exception {
    try (EngineRoot root = open(kind)) {
      Snapshotter snapshots = root.snapshotter();
      try (KernelMount mount = KernelMount.of(snapshots.prepare("a", "", NO_LABELS))) {
        Files.createDirectories(mount.path().resolve("kept/below"));
        Files.createDirectories(mount.path().resolve("renewed/below"));
        Files.writeString(mount.path().resolve("kept/file"), "base");
        Files.writeString(mount.path().resolve("removed"), "base");
        Files.writeString(mount.path().resolve("changed"), "base");
      }
      snapshots.commit("base", "a", "", NO_LABELS);
      List<Mount> mounts = snapshots.prepare("b", "base", NO_LABELS);
      try (KernelMount mount = KernelMount.of(mounts)) {
        Files.delete(mount.path().resolve("removed"));
        Files.writeString(mount.path().resolve("changed"), "top");
        Files.delete(mount.path().resolve("renewed/below"));
        Files.delete(mount.path().resolve("renewed"));
        Files.createDirectory(mount.path().resolve("renewed"));
        Files.writeString(mount.path().resolve("renewed/new"), "top");
      }
      snapshots.commit("top", "b", "", NO_LABELS);

      Path layer = Path.of(option(mounts, "upperdir="));
      assertThat(status(layer.resolve("removed")).type()).isEqualTo(NodeType.CHARACTER_DEVICE);
      assertThat(status(layer.resolve("removed")).rdevMajor()).isZero();
      assertThat(status(layer.resolve("removed")).rdevMinor()).isZero();
      assertThat(Xattr.lgetxattr(Fd.CURRENT_DIRECTORY, path(layer.resolve("renewed")), OPAQUE))
          .hasValue("y".getBytes(StandardCharsets.US_ASCII));
      assertThat(layer.resolve("changed")).hasContent("top");
      assertThat(layer.resolve("kept")).doesNotExist();

      try (KernelMount view = KernelMount.of(snapshots.view("v", "top", NO_LABELS))) {
        assertThat(view.path().resolve("removed")).doesNotExist();
        assertThat(view.path().resolve("renewed/below")).doesNotExist();
        assertThat(view.path().resolve("renewed/new")).hasContent("top");
        assertThat(view.path().resolve("kept/file")).hasContent("base");
        assertThat(view.path().resolve("changed")).hasContent("top");
        assertThatThrownBy(() -> Files.createFile(view.path().resolve("x")))
            .isInstanceOf(FileSystemException.class)
            .hasMessageContaining("Read-only");
      }
      try (KernelMount view = KernelMount.of(snapshots.view("w", "base", NO_LABELS))) {
        assertThat(view.path().resolve("removed")).hasContent("base");
        assertThatThrownBy(() -> Files.createFile(view.path().resolve("x")))
            .isInstanceOf(FileSystemException.class)
            .hasMessageContaining("Read-only");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void directoriesAreClosedToOthersAndTheTopIsAsTheParents(Kind kind) throws Exception {
    try (EngineRoot root = open(kind)) {
      Snapshotter snapshots = root.snapshotter();
      List<Mount> mounts = snapshots.prepare("a", "", NO_LABELS);
      Path top = Path.of(mounts.getFirst().source());
      assertThat(status(top).mode()).isEqualTo(0755);
      assertThat(status(top.resolveSibling("work")).mode()).isEqualTo(0711);
      assertThat(status(parent(top)).mode()).isEqualTo(0700);
      assertThat(status(parent(parent(top))).mode()).isEqualTo(0700);
      try (KernelMount mount = KernelMount.of(mounts)) {
        Unistd.fchownat(Fd.CURRENT_DIRECTORY, path(mount.path()), 1000, 2000);
      }
      snapshots.commit("base", "a", "", NO_LABELS);
      List<Mount> child = snapshots.prepare("b", "base", NO_LABELS);
      try (KernelMount mount = KernelMount.of(child)) {
        assertThat(status(mount.path()).uid()).isEqualTo(1000);
        assertThat(status(mount.path()).gid()).isEqualTo(2000);
        assertThat(status(mount.path()).mode()).isEqualTo(0755);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aLayerBelowThatIsNotThereIsToldOfToWhoAppliesOneOnTopOfIt(Kind kind) throws Exception {
    LayerBlob layer = new BytesBlob(TarBuilder.pax().file("not/named", 0644, "").finish());
    try (EngineRoot root = open(kind)) {
      Snapshotter snapshots = root.snapshotter();
      LayerUnpacker unpacker = root.unpacker(1);
      Path below = Path.of(snapshots.prepare("a", "", NO_LABELS).getFirst().source());
      snapshots.commit("base", "a", "", NO_LABELS);
      // The driver reads the nearest parent for other reasons, too, so another one lies between.
      snapshots.prepare("m", "base", NO_LABELS);
      snapshots.commit("middle", "m", "", NO_LABELS);
      List<Mount> mounts = snapshots.prepare("b", "middle", NO_LABELS);
      Files.move(below, below.resolveSibling("elsewhere"));
      assertThatThrownBy(
              () ->
                  unpacker
                      .find(mounts)
                      .unpack(layer, false, NextLayerHint.UNKNOWN, new Cancellation()))
          .isInstanceOf(SnapshotException.StorageFailure.class)
          .hasMessageStartingWith("apply b: the lower layer at " + below + " is missing")
          .hasMessageContaining("ENOENT");
    }
  }

  @ParameterizedTest
  @EnumSource
  void snapshotsOfOneParentAreMountedSideBySide(Kind kind) throws Exception {
    try (EngineRoot root = open(kind)) {
      Snapshotter snapshots = root.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.commit("base", "a", "", NO_LABELS);
      List<Mount> one = snapshots.prepare("b", "base", NO_LABELS);
      List<Mount> other = snapshots.prepare("c", "base", NO_LABELS);
      try (KernelMount first = KernelMount.of(one);
          KernelMount second = KernelMount.of(other);
          KernelMount view = KernelMount.of(snapshots.view("v", "base", NO_LABELS))) {
        Files.writeString(first.path().resolve("file"), "first");
        Files.writeString(second.path().resolve("file"), "second");
        assertThat(first.path().resolve("file")).hasContent("first");
        assertThat(second.path().resolve("file")).hasContent("second");
        assertThat(view.path()).isEmptyDirectory();
      }
    }
  }

  /**
   * Without redirects, which containerd's images do not have, the kernel leaves this rename to mv.
   */
  @ParameterizedTest
  @EnumSource
  void directoriesOfLowerLayersCannotBeRenamed(Kind kind) throws Exception {
    try (EngineRoot root = open(kind)) {
      Snapshotter snapshots = root.snapshotter();
      try (KernelMount mount = KernelMount.of(snapshots.prepare("a", "", NO_LABELS))) {
        Files.createDirectory(mount.path().resolve("directory"));
      }
      snapshots.commit("base", "a", "", NO_LABELS);
      try (KernelMount mount = KernelMount.of(snapshots.prepare("b", "base", NO_LABELS))) {
        LinuxPath from = path(mount.path().resolve("directory"));
        LinuxPath to = path(mount.path().resolve("renamed"));
        assertThatThrownBy(
                () -> Unistd.renameat2(Fd.CURRENT_DIRECTORY, from, Fd.CURRENT_DIRECTORY, to))
            .isInstanceOfSatisfying(
                ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EXDEV));
      }
    }
  }

  private static EngineRoot open(Kind kind) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    return TestRoots.open(directory, DriverSetting.OVERLAY, TestRoots.PLAIN);
  }

  private static String option(List<Mount> mounts, String name) {
    return mounts.getFirst().options().stream()
        .filter(option -> option.startsWith(name))
        .findFirst()
        .orElseThrow()
        .substring(name.length());
  }

  private static Path parent(Path path) {
    Path parent = path.getParent();
    if (parent == null) {
      throw new IllegalArgumentException(path.toString());
    }
    return parent;
  }

  private static FileStatus status(Path path) throws ErrnoException {
    return Stat.statx(Fd.CURRENT_DIRECTORY, path(path), AtFlag.SYMLINK_NOFOLLOW);
  }

  private static LinuxPath path(Path path) {
    return LinuxPath.of(path);
  }
}
