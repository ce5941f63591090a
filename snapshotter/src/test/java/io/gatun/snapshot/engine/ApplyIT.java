package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Apply on overlay snapshots, with stand-ins for layers. */
class ApplyIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final String EXTRACTION = "default/7/extract-123-abcd sha256:01";

  private final DiskCalls calls = new DiskCalls(new LinuxDisk());

  private EngineRoot open(Path directory, OverlaySettings overlay) throws Exception {
    return EngineRoot.open(
        calls.disk(),
        TestRoots.settings(directory.resolve("root"), DriverSetting.OVERLAY, overlay),
        InstantSource.system());
  }

  private StandInLayer layer(String... names) {
    return StandInLayer.of(calls.disk(), names);
  }

  private LayerTarget apply(EngineRoot root, List<Mount> mounts) throws IOException {
    StandInLayer layer = layer("one");
    root.applier().apply(mounts, false, layer);
    return layer.targets().getFirst();
  }

  private static LinuxPath files(String directory, long id) {
    return LinuxPath.of("%s/root/snapshots/%d/fs".formatted(directory, id));
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void layersGoToTheUpperDirectoryAndKnowThoseBelow(LoopFilesystem.Kind kind) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("apply-");
    String top = directory.toString();
    try (EngineRoot root = open(directory, TestRoots.PLAIN)) {
      Snapshotter snapshots = root.snapshotter();
      assertThat(apply(root, snapshots.prepare("a", "", NO_LABELS)))
          .isEqualTo(new LayerTarget(files(top, 1), DeletionForm.IN_PLACE, List.of()));
      snapshots.commit("A", "a", "", NO_LABELS);
      assertThat(apply(root, snapshots.prepare("b", "A", NO_LABELS)))
          .isEqualTo(new LayerTarget(files(top, 2), DeletionForm.OVERLAY, List.of(files(top, 1))));
      snapshots.commit("B", "b", "", NO_LABELS);
      assertThat(apply(root, snapshots.prepare("c", "B", NO_LABELS)).lowers())
          .containsExactly(files(top, 2), files(top, 1));
      int syncs = calls.layerSyncs();
      snapshots.commit("C", "c", "", NO_LABELS);
      assertThat(calls.layerSyncs()).isEqualTo(syncs);
      assertThat(snapshots.usage("C").inodes()).isEqualTo(2);
    }
  }

  @Test
  void baseThatMayGetAParentKeepsItsDeletions() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("apply-");
    try (EngineRoot root = open(directory, TestRoots.REBASING)) {
      List<Mount> mounts = root.snapshotter().prepare(EXTRACTION, "", NO_LABELS);
      LayerTarget target = apply(root, mounts);
      assertThat(target.deletions()).isEqualTo(DeletionForm.OVERLAY);
      assertThat(target.lowers()).isEmpty();
    }
  }

  @Test
  void snapshotThatWasMountedSinceIsSyncedWhenItIsCommitted() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("apply-");
    try (EngineRoot root = open(directory, TestRoots.PLAIN)) {
      Snapshotter snapshots = root.snapshotter();
      apply(root, snapshots.prepare("a", "", NO_LABELS));
      snapshots.commit("A", "a", "", NO_LABELS);
      List<Mount> mounts = snapshots.prepare("b", "A", NO_LABELS);
      Files.createDirectory(directory.resolve("root/snapshots/2/fs/deep"));
      Files.delete(directory.resolve("root/snapshots/2/fs/deep"));
      apply(root, mounts);
      try (KernelMount mounted = KernelMount.of(mounts)) {
        assertThat(mounted.path().resolve("one")).hasContent("one");
      }
      int syncs = calls.layerSyncs();
      snapshots.commit("B", "b", "", NO_LABELS);
      assertThat(calls.layerSyncs()).isEqualTo(syncs + 1);
    }
  }

  @Test
  void failedLayerLeavesTheUpperDirectoryAsItWasMade() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("apply-");
    try (EngineRoot root = open(directory, TestRoots.PLAIN)) {
      Snapshotter snapshots = root.snapshotter();
      apply(root, snapshots.prepare("a", "", NO_LABELS));
      snapshots.commit("A", "a", "", NO_LABELS);
      List<Mount> mounts = snapshots.prepare("b", "A", NO_LABELS);
      Path files = directory.resolve("root/snapshots/2/fs");
      LinuxPath opaque = LinuxPath.of("trusted.overlay.opaque");
      StandInLayer failing =
          layer("one")
              .ending(
                  () -> {
                    Xattr.lsetxattr(
                        Fd.CURRENT_DIRECTORY, LinuxPath.of(files), opaque, new byte[] {'y'});
                    throw new IOException("the blob ends early");
                  });
      assertThatThrownBy(() -> root.applier().apply(mounts, false, failing))
          .hasMessage("the blob ends early");
      assertThat(files).isEmptyDirectory();
      assertThat(Xattr.llistxattr(Fd.CURRENT_DIRECTORY, LinuxPath.of(files)))
          .doesNotContain(opaque);
      apply(root, mounts);
      try (KernelMount mounted = KernelMount.of(mounts)) {
        assertThat(mounted.path().resolve("one")).hasContent("one");
      }
      snapshots.commit("B", "b", "", NO_LABELS);
    }
  }

  @Test
  void snapshotThatHidesItsParentIsNotAsItWasMade() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("apply-");
    try (EngineRoot root = open(directory, TestRoots.PLAIN)) {
      Snapshotter snapshots = root.snapshotter();
      apply(root, snapshots.prepare("a", "", NO_LABELS));
      snapshots.commit("A", "a", "", NO_LABELS);
      List<Mount> mounts = snapshots.prepare("b", "A", NO_LABELS);
      Xattr.lsetxattr(
          Fd.CURRENT_DIRECTORY,
          files(directory.toString(), 2),
          LinuxPath.of("trusted.overlay.opaque"),
          new byte[] {'y'});
      assertThatThrownBy(() -> apply(root, mounts))
          .isInstanceOf(SnapshotException.Unsupported.class);
    }
  }
}
