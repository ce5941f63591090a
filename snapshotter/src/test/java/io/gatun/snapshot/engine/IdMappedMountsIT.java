package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Snapshots of containers with user namespaces: the owners of files, as the kernel shows them
 * through mounts that are created in the way of containerd 2.
 */
class IdMappedMountsIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final String UIDS = "0:100000:65536";
  private static final String GIDS = "0:200000:65536";
  private static final Map<String, String> MAPPED =
      Map.of("containerd.io/snapshot/uidmapping", UIDS, "containerd.io/snapshot/gidmapping", GIDS);

  /** The owner of files outside of a mapping: /proc/sys/kernel/overflowuid. */
  private static final int NOBODY = 65_534;

  private record Owner(int uid, int gid) {}

  @ParameterizedTest
  @EnumSource
  void ownersAreMappedThroughSeveralLayers(Kind kind) throws Exception {
    try (EngineRoot root = open(kind, TestRoots.REMAPPING)) {
      Snapshotter snapshots = root.snapshotter();
      makeTwoLayers(snapshots);
      List<Mount> mounts = snapshots.prepare("container", "top", MAPPED);
      assertThat(mounts.getFirst().options()).startsWith("uidmap=" + UIDS, "gidmap=" + GIDS);
      Path upper = upper(mounts);
      assertThat(owner(upper)).isEqualTo(new Owner(100_000, 200_000));
      try (KernelMount mount = KernelMount.of(mounts)) {
        Path top = mount.path();
        assertThat(owner(top)).isEqualTo(new Owner(100_000, 200_000));
        assertThat(owner(top.resolve("of-root"))).isEqualTo(new Owner(100_000, 200_000));
        assertThat(owner(top.resolve("of-user"))).isEqualTo(new Owner(101_000, 202_000));
        assertThat(owner(top.resolve("directory"))).isEqualTo(new Owner(100_000, 200_000));
        assertThat(owner(top.resolve("directory/link"))).isEqualTo(new Owner(100_007, 200_008));
        assertThat(owner(top.resolve("of-nobody-inside"))).isEqualTo(new Owner(NOBODY, NOBODY));
        assertThat(top.resolve("of-root")).hasContent("base");
        // Runs as root of the container, without privileges outside.
        runAs(100_000, 200_000, "echo written > " + top.resolve("of-root"));
        runAs(100_000, 200_000, "echo made > " + top.resolve("directory/made"));
        runAs(100_000, 200_000, "rm " + top.resolve("directory/link"));
        runAs(101_000, 202_000, "echo written > " + top.resolve("of-user"));
        assertThat(owner(top.resolve("directory/made"))).isEqualTo(new Owner(100_000, 200_000));
      }
      // The upper directory is not mapped: the files of a container belong to its ids on the host.
      assertThat(owner(upper.resolve("of-root"))).isEqualTo(new Owner(100_000, 200_000));
      assertThat(owner(upper.resolve("of-user"))).isEqualTo(new Owner(101_000, 202_000));
      // The writes changed neither the layers nor the views of other clients.
      try (KernelMount view = KernelMount.of(snapshots.view("view", "top", NO_LABELS))) {
        assertThat(owner(view.path().resolve("of-root"))).isEqualTo(new Owner(0, 0));
        assertThat(view.path().resolve("of-root")).hasContent("base");
        assertThat(owner(view.path().resolve("directory/link"))).isEqualTo(new Owner(7, 8));
      }
      try (KernelMount again = KernelMount.of(snapshots.mounts("container"))) {
        assertThat(again.path().resolve("of-root")).hasContent("written");
        assertThat(again.path().resolve("directory/link")).doesNotExist();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void ownersAreMappedInViewsAndAboveOneLayer(Kind kind) throws Exception {
    try (EngineRoot root = open(kind, TestRoots.REMAPPING)) {
      Snapshotter snapshots = root.snapshotter();
      makeTwoLayers(snapshots);
      try (KernelMount view = KernelMount.of(snapshots.view("view", "top", MAPPED));
          KernelMount container = KernelMount.of(snapshots.prepare("one", "base", MAPPED))) {
        for (KernelMount mount : List.of(view, container)) {
          assertThat(owner(mount.path().resolve("of-root"))).isEqualTo(new Owner(100_000, 200_000));
          assertThat(owner(mount.path().resolve("of-user"))).isEqualTo(new Owner(101_000, 202_000));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void ownersAreMappedWithoutALayerBelow(Kind kind) throws Exception {
    try (EngineRoot root = open(kind, TestRoots.REMAPPING)) {
      List<Mount> mounts = root.snapshotter().prepare("alone", "", MAPPED);
      assertThat(mounts.getFirst().type()).isEqualTo("bind");
      Path files = Path.of(mounts.getFirst().source());
      assertThat(owner(files)).isEqualTo(new Owner(100_000, 200_000));
    }
  }

  @ParameterizedTest
  @EnumSource
  void withoutRemappingTheTopBelongsToTheContainersRootAndNothingElseDoes(Kind kind)
      throws Exception {
    try (EngineRoot root = open(kind, TestRoots.PLAIN)) {
      Snapshotter snapshots = root.snapshotter();
      makeTwoLayers(snapshots);
      List<Mount> mounts = snapshots.prepare("container", "top", MAPPED);
      assertThat(mounts.getFirst().options()).noneMatch(option -> option.contains("map="));
      try (KernelMount mount = KernelMount.of(mounts)) {
        assertThat(owner(mount.path())).isEqualTo(new Owner(100_000, 200_000));
        assertThat(owner(mount.path().resolve("of-root"))).isEqualTo(new Owner(0, 0));
      }
    }
  }

  private static void makeTwoLayers(Snapshotter snapshots) throws Exception {
    try (KernelMount mount = KernelMount.of(snapshots.prepare("a", "", NO_LABELS))) {
      write(mount.path().resolve("of-root"), 0, 0);
      write(mount.path().resolve("of-user"), 1000, 2000);
      write(mount.path().resolve("of-nobody-inside"), 70_000, 80_000);
    }
    snapshots.commit("base", "a", "", NO_LABELS);
    try (KernelMount mount = KernelMount.of(snapshots.prepare("b", "base", NO_LABELS))) {
      Path directory = Files.createDirectory(mount.path().resolve("directory"));
      Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("nowhere"));
      chown(link, 7, 8);
    }
    snapshots.commit("top", "b", "", NO_LABELS);
  }

  private static void write(Path file, int uid, int gid) throws Exception {
    Files.writeString(file, "base");
    chown(file, uid, gid);
  }

  private static void chown(Path file, int uid, int gid) throws ErrnoException {
    Unistd.fchownat(Fd.CURRENT_DIRECTORY, LinuxPath.of(file), uid, gid, AtFlag.SYMLINK_NOFOLLOW);
  }

  private static Owner owner(Path file) throws ErrnoException {
    FileStatus status =
        Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(file), AtFlag.SYMLINK_NOFOLLOW);
    return new Owner(status.uid(), status.gid());
  }

  private static Path upper(List<Mount> mounts) {
    return mounts.getFirst().options().stream()
        .filter(option -> option.startsWith("upperdir="))
        .map(option -> Path.of(option.substring("upperdir=".length())))
        .findFirst()
        .orElseThrow();
  }

  /** Runs a shell command with these ids and no capabilities. */
  private static void runAs(int uid, int gid, String command) {
    LoopFilesystem.run(
        List.of(
            "setpriv",
            "--reuid=" + uid,
            "--regid=" + gid,
            "--clear-groups",
            "--",
            "sh",
            "-c",
            command));
  }

  private static EngineRoot open(Kind kind, OverlaySettings settings) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    return TestRoots.open(directory, DriverSetting.OVERLAY, settings);
  }
}
