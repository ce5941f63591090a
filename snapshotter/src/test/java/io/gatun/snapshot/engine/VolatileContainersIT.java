package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Containers whose writes the kernel never syncs, across restarts of containers, daemon and
 * machine.
 */
class VolatileContainersIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final String BOOT = "11111111-2222-3333-4444-555555555555";
  private static final String NEXT_BOOT = "66666666-7777-8888-9999-000000000000";

  private static final String BASE = "default/1/base";
  private static final String CONTAINER = "default/2/container";

  @ParameterizedTest
  @EnumSource
  void containerStopsAndStarts(LoopFilesystem.Kind kind) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, BOOT)) {
      Snapshotter snapshots = root.snapshotter();
      List<Mount> mounts = prepareContainer(snapshots);
      assertThat(mounts.getFirst().options()).contains("volatile");
      try (KernelMount container = KernelMount.of(mounts)) {
        Files.writeString(container.path().resolve("file"), "first run");
      }
      // The failure shows that the kernel left its mark, and that Gatun removes it only on request.
      assertThatThrownBy(() -> KernelMount.of(mounts))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
      for (String run : List.of("second run", "third run")) {
        try (KernelMount container = KernelMount.of(snapshots.mounts(CONTAINER))) {
          assertThat(container.path().resolve("file")).exists();
          Files.writeString(container.path().resolve("file"), run);
        }
      }
    }
    // The same holds after a restart of the daemon.
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, BOOT);
        KernelMount container = KernelMount.of(root.snapshotter().mounts(CONTAINER))) {
      assertThat(container.path().resolve("file")).hasContent("third run");
      assertThat(container.path().resolve("of-the-base")).hasContent("base");
    }
  }

  @ParameterizedTest
  @EnumSource
  void mountsMayBeAskedForWhileTheContainerRuns(LoopFilesystem.Kind kind) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, BOOT)) {
      Snapshotter snapshots = root.snapshotter();
      try (KernelMount container = KernelMount.of(prepareContainer(snapshots))) {
        Files.writeString(container.path().resolve("file"), "before");
        snapshots.mounts(CONTAINER);
        Files.writeString(container.path().resolve("file"), "after");
      }
      try (KernelMount container = KernelMount.of(snapshots.mounts(CONTAINER))) {
        assertThat(container.path().resolve("file")).hasContent("after");
      }
    }
    // Gatun's mark remained while the container ran without the kernel's own.
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, NEXT_BOOT)) {
      assertRefused(root.snapshotter());
    }
  }

  @ParameterizedTest
  @EnumSource
  void afterAnotherBootTheContainerIsRefusedWithTheReason(LoopFilesystem.Kind kind)
      throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, BOOT)) {
      KernelMount.of(prepareContainer(root.snapshotter())).close();
    }
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, NEXT_BOOT)) {
      Snapshotter snapshots = root.snapshotter();
      assertRefused(snapshots);
      assertThatThrownBy(() -> snapshots.commit("default/3/image", CONTAINER, "", NO_LABELS))
          .isInstanceOf(SnapshotException.FailedPrecondition.class)
          .hasMessageContaining("volatile");
      assertThat(snapshots.stat(CONTAINER).kind()).isEqualTo(Kind.ACTIVE);
      String another = "default/4/another";
      try (KernelMount container = KernelMount.of(snapshots.prepare(another, BASE, NO_LABELS))) {
        assertThat(container.path().resolve("of-the-base")).hasContent("base");
      }
    }
    // Removing the option from the configuration does not restore lost data.
    try (EngineRoot root = open(directory, TestRoots.PLAIN, NEXT_BOOT)) {
      assertRefused(root.snapshotter());
      root.snapshotter().remove(CONTAINER);
    }
  }

  @ParameterizedTest
  @EnumSource
  void withoutTheOptionTheContainerIsSyncedAndFreeOfItsPast(LoopFilesystem.Kind kind)
      throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, BOOT);
        KernelMount container = KernelMount.of(prepareContainer(root.snapshotter()))) {
      Files.writeString(container.path().resolve("file"), "volatile");
    }
    try (EngineRoot root = open(directory, TestRoots.PLAIN, BOOT)) {
      List<Mount> mounts = root.snapshotter().mounts(CONTAINER);
      assertThat(mounts.getFirst().options()).doesNotContain("volatile");
      try (KernelMount container = KernelMount.of(mounts)) {
        assertThat(container.path().resolve("file")).hasContent("volatile");
      }
    }
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, NEXT_BOOT);
        KernelMount container = KernelMount.of(root.snapshotter().mounts(CONTAINER))) {
      assertThat(container.path().resolve("file")).hasContent("volatile");
    }
  }

  @ParameterizedTest
  @EnumSource
  void committedContainerIsALayerLikeOthers(LoopFilesystem.Kind kind) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, BOOT)) {
      Snapshotter snapshots = root.snapshotter();
      try (KernelMount container = KernelMount.of(prepareContainer(snapshots))) {
        Files.writeString(container.path().resolve("file"), "committed");
      }
      snapshots.commit("default/3/image", CONTAINER, "", NO_LABELS);
    }
    try (EngineRoot root = open(directory, TestRoots.VOLATILE, NEXT_BOOT)) {
      Snapshotter snapshots = root.snapshotter();
      try (KernelMount container =
          KernelMount.of(snapshots.prepare("default/5/next", "default/3/image", NO_LABELS))) {
        assertThat(container.path().resolve("file")).hasContent("committed");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsUnpackedIsNeverVolatile(LoopFilesystem.Kind kind) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("root-");
    OverlaySettings asMountOption = TestRoots.withMountOptions("volatile");
    for (OverlaySettings settings : List.of(TestRoots.VOLATILE, asMountOption)) {
      try (EngineRoot root = open(directory, settings, BOOT)) {
        Snapshotter snapshots = root.snapshotter();
        List<Mount> container = prepareContainer(snapshots);
        assertThat(container.getFirst().options()).contains("volatile");
        String key = "default/3/extract-123456789-abcd sha256:0123";
        List<Mount> extraction = snapshots.prepare(key, BASE, NO_LABELS);
        assertThat(extraction.getFirst().options())
            .doesNotContain("volatile")
            .isEqualTo(snapshots.mounts(key).getFirst().options());
        KernelMount.of(extraction).close();
        // A second mount without a request works, because the kernel left no mark.
        KernelMount.of(extraction).close();
        snapshots.remove(key);
        snapshots.remove(CONTAINER);
        snapshots.remove(BASE);
      }
    }
  }

  private static void assertRefused(Snapshotter snapshots) {
    assertThatThrownBy(() -> snapshots.mounts(CONTAINER))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("option volatile")
        .hasMessageContaining("the machine has been started since")
        .hasMessageContaining("remove the container and create it again");
  }

  private static EngineRoot open(Path directory, OverlaySettings settings, String boot)
      throws Exception {
    return TestRoots.openAfterBoot(directory, settings, boot);
  }

  private static List<Mount> prepareContainer(Snapshotter snapshots) throws Exception {
    String key = "default/0/preparation";
    try (KernelMount base = KernelMount.of(snapshots.prepare(key, "", NO_LABELS))) {
      Files.writeString(base.path().resolve("of-the-base"), "base");
    }
    snapshots.commit(BASE, key, "", NO_LABELS);
    return snapshots.prepare(CONTAINER, BASE, NO_LABELS);
  }
}
