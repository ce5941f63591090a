package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The engine with the real store, drivers and kernel, including operations at the wrong moment. */
class EngineIT {

  private static final Map<String, String> NO_LABELS = Map.of();

  @TempDir Path temporary;

  private EngineRoot open(DriverSetting driver) throws UnusableRootException {
    EngineSettings defaults = EngineSettings.defaults(temporary.resolve("root"));
    return EngineRoot.open(
        new LinuxDisk(),
        new EngineSettings(
                defaults.root(),
                driver,
                defaults.overlay(),
                defaults.copyThreads(),
                defaults.syncPolicy(),
                defaults.metadata().withEntriesMax(1000))
            .withDirectoryPool(TestRoots.NO_SPARES),
        InstantSource.system());
  }

  @ParameterizedTest
  @EnumSource(
      value = DriverSetting.class,
      names = {"OVERLAY", "NATIVE"})
  void snapshotsOutliveTheDaemon(DriverSetting driver) throws Exception {
    try (EngineRoot root = open(driver)) {
      Snapshotter snapshots = root.snapshotter();
      snapshots.prepare("a", "", Map.of("containerd.io/snapshot/x", "1"));
      Files.writeString(files("a", snapshots).resolve("file"), "content");
      snapshots.commit("base", "a", "", Map.of("containerd.io/gc.root", "now"));
      snapshots.prepare("b", "base", NO_LABELS);
    }
    try (EngineRoot root = open(DriverSetting.AUTO)) {
      Snapshotter snapshots = root.snapshotter();
      assertThat(root.driver().configName()).isEqualToIgnoringCase(driver.name());
      SnapshotInfo base = snapshots.stat("base");
      assertThat(base.kind()).isEqualTo(Kind.COMMITTED);
      assertThat(base.labels()).isEqualTo(Map.of("containerd.io/gc.root", "now"));
      assertThat(snapshots.stat("b").parent()).isEqualTo("base");
      assertThat(snapshots.usage("base").inodes()).isEqualTo(2);
      snapshots.view("v", "base", NO_LABELS);
      assertThat(Path.of(snapshots.mounts("v").getFirst().source()).resolve("file"))
          .hasContent("content");
    }
  }

  @Test
  void directoryWithoutRecordIsGoneAfterAStart() throws Exception {
    try (EngineRoot root = open(DriverSetting.OVERLAY)) {
      root.snapshotter().prepare("a", "", NO_LABELS);
    }
    Path orphan = temporary.resolve("root/snapshots/471");
    Files.createDirectories(orphan.resolve("fs/deep/er"));
    Path halfMade = temporary.resolve("root/trash/472.new");
    Files.createDirectories(halfMade.resolve("fs"));
    try (EngineRoot root = open(DriverSetting.OVERLAY)) {
      root.snapshotter().cleanup();
      assertThat(orphan).doesNotExist();
      assertThat(halfMade).doesNotExist();
    }
  }

  @Test
  void metadataOlderThanTheDirectoriesAreRefusedAndNothingIsDeleted() throws Exception {
    try (EngineRoot root = open(DriverSetting.OVERLAY)) {
      root.snapshotter().prepare("a", "", NO_LABELS);
      Files.writeString(files("a", root.snapshotter()).resolve("file"), "content");
    }
    // An operator took the metadata for a cache.
    deleteTree(temporary.resolve("root/metadata"));
    for (int start = 0; start < 2; start++) {
      assertThatThrownBy(() -> open(DriverSetting.OVERLAY))
          .isInstanceOf(UnusableRootException.class)
          .hasMessageContaining("snapshots/1 ")
          .hasMessageContaining("`gatun fsck`");
      assertThat(temporary.resolve("root/snapshots/1/fs/file")).hasContent("content");
    }
  }

  @Test
  void cleanupDeletesWhatHasNoRecordAndNothingElse() throws Exception {
    try (EngineRoot root = open(DriverSetting.OVERLAY)) {
      Snapshotter snapshots = root.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      Path kept = files("a", snapshots);
      Path orphan = temporary.resolve("root/snapshots/999");
      Files.createDirectories(orphan.resolve("fs"));
      snapshots.cleanup();
      assertThat(orphan).doesNotExist();
      assertThat(kept).isDirectory();
    }
  }

  @Test
  void snapshotWithoutDirectoryIsMissingAndNeverEmpty() throws Exception {
    try (EngineRoot root = open(DriverSetting.OVERLAY)) {
      Snapshotter snapshots = root.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.commit("base", "a", "", NO_LABELS);
      snapshots.prepare("child", "base", NO_LABELS);
    }
    deleteTree(temporary.resolve("root/snapshots/1"));
    try (EngineRoot root = open(DriverSetting.OVERLAY)) {
      Snapshotter snapshots = root.snapshotter();
      assertMissing(() -> snapshots.stat("base"));
      assertMissing(() -> snapshots.usage("base"));
      assertMissing(() -> snapshots.view("v", "base", NO_LABELS));
      assertMissing(() -> snapshots.prepare("c", "base", NO_LABELS));
      assertMissing(() -> snapshots.mounts("child"));
      List<String> listed = new ArrayList<>();
      snapshots.list(List.of(), info -> listed.add(info.name()));
      assertThat(listed).containsExactlyInAnyOrder("base", "child");
      snapshots.remove("child");
      snapshots.remove("base");
      assertThat(temporary.resolve("root/snapshots/1")).doesNotExist();
    }
  }

  @Test
  void failedPreparesLeaveNothing() throws Exception {
    try (EngineRoot root = open(DriverSetting.OVERLAY)) {
      Snapshotter snapshots = root.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      assertThatThrownBy(() -> snapshots.prepare("a", "", NO_LABELS))
          .isInstanceOf(SnapshotException.AlreadyExists.class);
      assertThatThrownBy(() -> snapshots.prepare("b", "nowhere", NO_LABELS))
          .isInstanceOf(SnapshotException.NotFound.class);
      assertThatThrownBy(() -> snapshots.prepare("b", "a", NO_LABELS))
          .isInstanceOf(SnapshotException.InvalidArgument.class);
      snapshots.cleanup();
      assertThat(names("snapshots")).containsExactly("1");
      assertThat(names("trash")).isEmpty();
    }
  }

  @Test
  void labelOfTheUpperDirectoryIsShownButNotStored() throws Exception {
    EngineSettings defaults = EngineSettings.defaults(temporary.resolve("root"));
    var overlay = new OverlaySettings(List.of(), false, false, false, true);
    try (EngineRoot root =
        EngineRoot.open(
            new LinuxDisk(),
            new EngineSettings(
                    defaults.root(),
                    DriverSetting.OVERLAY,
                    overlay,
                    1,
                    SyncPolicy.COMMIT,
                    defaults.metadata().withEntriesMax(1000))
                .withDirectoryPool(TestRoots.NO_SPARES),
            InstantSource.system())) {
      Snapshotter snapshots = root.snapshotter();
      snapshots.prepare("a", "", Map.of("k", "v"));
      assertThat(snapshots.stat("a").labels())
          .containsEntry("k", "v")
          .containsEntry(
              "containerd.io/snapshot/overlay.upperdir",
              temporary.resolve("root/snapshots/1/fs").toString());
      assertThat(snapshots.update("a", Map.of(), List.of()).labels())
          .containsOnlyKeys("containerd.io/snapshot/overlay.upperdir");
    }
    try (EngineRoot root = open(DriverSetting.OVERLAY)) {
      assertThat(root.snapshotter().stat("a").labels()).isEmpty();
    }
  }

  @Test
  void rootKeepsTheDriverOfItsSnapshots() throws Exception {
    try (EngineRoot root = open(DriverSetting.NATIVE)) {
      root.snapshotter().prepare("a", "", NO_LABELS);
    }
    assertThatThrownBy(() -> open(DriverSetting.OVERLAY))
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("the root holds snapshots of driver native");
    try (EngineRoot root = open(DriverSetting.NATIVE)) {
      root.snapshotter().remove("a");
    }
    open(DriverSetting.OVERLAY).close();
  }

  private static void assertMissing(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(SnapshotException.NotFound.class)
        .hasMessageContaining("snapshot base (id 1) is missing")
        .hasMessageContaining("pull again");
  }

  private Path files(String key, Snapshotter snapshots) {
    Mount mount = snapshots.mounts(key).getFirst();
    assertThat(mount.type()).isEqualTo("bind");
    return Path.of(mount.source());
  }

  private List<String> names(String directory) throws IOException {
    try (Stream<Path> entries = Files.list(temporary.resolve("root").resolve(directory))) {
      return entries.map(entry -> entry.getFileName().toString()).toList();
    }
  }

  private static void deleteTree(Path tree) throws IOException {
    try (Stream<Path> paths = Files.walk(tree)) {
      paths
          .sorted(Comparator.reverseOrder())
          .forEach(
              path -> {
                try {
                  Files.delete(path);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
    }
  }

  @Test
  void layersUnpackedWithoutTheirParentsAreRefusedWithoutRebase() throws Exception {
    String extraction = "default/7/extract-1-AbCd sha256:upper";
    try (EngineRoot root = open(DriverSetting.OVERLAY)) {
      Snapshotter snapshots = root.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.commit("base", "a", "", NO_LABELS);
      snapshots.prepare(extraction, "", NO_LABELS);
      assertThatThrownBy(() -> snapshots.commit("upper", extraction, "base", NO_LABELS))
          .isInstanceOf(SnapshotException.Unsupported.class)
          .hasMessageContaining(extraction)
          .hasMessageContaining("rebase = true");
      assertThat(snapshots.stat(extraction).kind()).isEqualTo(Kind.ACTIVE);
      // containerd unpacks a base into such a snapshot, too.
      snapshots.commit("other", extraction, "", NO_LABELS);
    }
  }
}
