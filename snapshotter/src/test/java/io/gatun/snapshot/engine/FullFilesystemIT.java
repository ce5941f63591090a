package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fixture.Filling;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The engine on filesystems that are full to the last block. */
final class FullFilesystemIT {

  private static final int ENTRIES_MAX = 200;
  private static final int JOURNAL_BYTES = 64 << 10;
  private static final int UPDATES_MAX = 5_000;
  private static final int LABEL_BYTES = 2_000;
  private static final int SNAPSHOTS = 40;
  private static final int SPARES = 8;
  private static final int LAYER_BYTES = 8 << 20;
  private static final int LEFT_BYTES = 2 << 20;

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  /** Opens a root without a directory pool, so that the lack of space shows at once. */
  private static EngineRoot open(Path root, DriverSetting driver) throws UnusableRootException {
    return open(root, driver, 0);
  }

  private static EngineRoot open(Path root, DriverSetting driver, int spareDirectories)
      throws UnusableRootException {
    EngineSettings defaults = EngineSettings.defaults(root);
    return EngineRoot.open(
        new LinuxDisk(),
        new EngineSettings(
                root,
                driver,
                defaults.overlay(),
                defaults.copyThreads(),
                SyncPolicy.COMMIT,
                new MetadataSettings(ENTRIES_MAX, JOURNAL_BYTES))
            .withDirectoryPool(spareDirectories),
        InstantSource.system());
  }

  private static Path newRoot(LoopFilesystem.Kind kind) {
    return FILESYSTEMS.of(kind).createDirectory("full").resolve("root");
  }

  /** Creates a layer and snapshots on it. */
  private static void makeSnapshots(Snapshotter snapshots, Path root) throws IOException {
    snapshots.prepare("a", "", NO_LABELS);
    Files.writeString(root.resolve("snapshots/1/fs/file"), "content");
    snapshots.commit("base", "a", "", NO_LABELS);
    snapshots.prepare("active", "base", NO_LABELS);
    snapshots.view("view", "base", NO_LABELS);
    snapshots.prepare("other", "base", NO_LABELS);
  }

  private static void assertExhausted(Path root, ThrowingCallable request) {
    assertThatThrownBy(request)
        .isInstanceOf(SnapshotException.ResourceExhausted.class)
        .hasMessageContaining("ENOSPC")
        .hasMessageContaining(root.toString());
  }

  private static void assertReads(Snapshotter snapshots) {
    assertThat(snapshots.stat("base").kind()).isEqualTo(Kind.COMMITTED);
    assertThat(snapshots.mounts("active")).hasSize(1);
    assertThat(snapshots.mounts("view")).hasSize(1);
    assertThat(snapshots.usage("base").inodes()).isEqualTo(2);
    assertThat(TestEngine.list(snapshots)).containsKeys("base", "active", "view");
  }

  private static void assertSound(Path root) throws Exception {
    assertThat(RootCheck.of(root).isClean()).isTrue();
    assertThat(TestEngine.names(root.resolve("trash"))).isEmpty();
  }

  static Stream<Arguments> fullWithAnyDriver() {
    return Stream.of(LoopFilesystem.Kind.EXT4, LoopFilesystem.Kind.XFS)
        .flatMap(
            kind ->
                Stream.of(DriverSetting.OVERLAY, DriverSetting.NATIVE)
                    .map(driver -> Arguments.of(kind, driver)));
  }

  @ParameterizedTest
  @EnumSource(
      value = LoopFilesystem.Kind.class,
      names = {"EXT4", "XFS"})
  void whatWasMadeInAdvanceIsStillGivenOut(LoopFilesystem.Kind kind) throws Exception {
    Path root = newRoot(kind);
    try (EngineRoot engine = open(root, DriverSetting.OVERLAY, SPARES)) {
      Snapshotter snapshots = engine.snapshotter();
      makeSnapshots(snapshots, root);
      Machine.awaitQuiet();
      try (Filling _ = Filling.of(FILESYSTEMS.of(kind).root())) {
        int made = 0;
        while (made < SPARES && tryPrepare(snapshots, "new " + made)) {
          made++;
          Machine.awaitQuiet();
        }
        assertThat(made).isBetween(SPARES / 2, SPARES);
        assertExhausted(root, () -> snapshots.prepare("another", "base", NO_LABELS));
        snapshots.remove("new 0");
        snapshots.cleanup();
      }
      snapshots.prepare("another", "base", NO_LABELS);
    }
    assertSound(root);
  }

  /** {@return whether the disk had room} */
  private static boolean tryPrepare(Snapshotter snapshots, String key) {
    try {
      snapshots.prepare(key, "base", NO_LABELS);
      return true;
    } catch (SnapshotException.ResourceExhausted e) {
      return false;
    }
  }

  @ParameterizedTest
  @MethodSource("fullWithAnyDriver")
  void nothingIsMadeAndEverythingElseIsDone(LoopFilesystem.Kind kind, DriverSetting driver)
      throws Exception {
    Path root = newRoot(kind);
    try (EngineRoot engine = open(root, driver)) {
      Snapshotter snapshots = engine.snapshotter();
      makeSnapshots(snapshots, root);
      try (Filling _ = Filling.of(FILESYSTEMS.of(kind).root())) {
        assertExhausted(root, () -> snapshots.prepare("new", "base", NO_LABELS));
        assertExhausted(root, () -> snapshots.view("new", "base", NO_LABELS));
        assertReads(snapshots);
        // The blocks of the journal and of the layer are allocated.
        snapshots.update("base", Map.of("l", "1"), List.of());
        snapshots.commit("child", "active", "", NO_LABELS);
        snapshots.remove("other");
        snapshots.cleanup();
        assertThat(TestEngine.list(snapshots)).containsOnlyKeys("base", "child", "view");
        assertThat(TestEngine.directories(root)).hasSize(3);
      }
      snapshots.prepare("new", "child", NO_LABELS);
      snapshots.cleanup();
      assertThat(TestEngine.directories(root)).hasSize(4);
    }
    assertSound(root);
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void journalThatCannotGoOnTakesRemovalsAlone(LoopFilesystem.Kind kind) throws Exception {
    Path root = newRoot(kind);
    try (EngineRoot engine = open(root, DriverSetting.OVERLAY)) {
      Snapshotter snapshots = engine.snapshotter();
      makeSnapshots(snapshots, root);
      for (int i = 0; i < SNAPSHOTS; i++) {
        snapshots.prepare("container-" + i, "base", NO_LABELS);
      }
      Map<String, String> labels = Map.of("l", "x".repeat(LABEL_BYTES));
      try (Filling _ = Filling.of(FILESYSTEMS.of(kind).root())) {
        // A spare journal may exist, which takes more updates before a checkpoint fails.
        assertExhausted(
            root,
            () -> {
              for (int i = 0; i < UPDATES_MAX; i++) {
                snapshots.update("base", labels, List.of());
              }
            });
        assertReads(snapshots);
        for (int i = 0; i < SNAPSHOTS; i++) {
          snapshots.remove("container-" + i);
        }
        List.of("other", "view").forEach(snapshots::remove);
      }
      snapshots.view("view", "base", NO_LABELS);
      long before = checkpoint(root);
      for (int i = 0; checkpoint(root) == before; i++) {
        assertThat(i).as("changes since the last checkpoint").isLessThan(UPDATES_MAX);
        snapshots.update("base", labels, List.of());
      }
      assertReads(snapshots);
      // Waits until all removed snapshots are deleted.
      snapshots.cleanup();
    }
    assertSound(root);
    try (EngineRoot engine = open(root, DriverSetting.OVERLAY)) {
      assertReads(engine.snapshotter());
    }
  }

  private static long checkpoint(Path root) {
    String prefix = "checkpoint-";
    return TestEngine.names(root.resolve("metadata")).stream()
        .filter(name -> name.matches(prefix + "[0-9]+"))
        .mapToLong(name -> Long.parseLong(name.substring(prefix.length())))
        .max()
        .orElseThrow();
  }

  @ParameterizedTest
  @EnumSource(
      value = LoopFilesystem.Kind.class,
      names = {"EXT4", "XFS"})
  void copyThatFindsNoRoomLeavesNothing(LoopFilesystem.Kind kind) throws Exception {
    Path root = newRoot(kind);
    byte[] content = new byte[LAYER_BYTES];
    new Random(1).nextBytes(content);
    try (EngineRoot engine = open(root, DriverSetting.NATIVE)) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      Files.write(root.resolve("snapshots/1/fs/file"), content);
      snapshots.commit("base", "a", "", NO_LABELS);
      // Cloned blocks need room only for their metadata.
      int left = kind.canClone() ? 0 : LEFT_BYTES;
      try (Filling _ = Filling.leaving(FILESYSTEMS.of(kind).root(), left)) {
        assertExhausted(root, () -> snapshots.prepare("copy", "base", NO_LABELS));
        snapshots.cleanup();
        assertThat(TestEngine.directories(root)).hasSize(1);
        assertThat(TestEngine.names(root.resolve("trash"))).isEmpty();
      }
      snapshots.prepare("copy", "base", NO_LABELS);
      Path copy = Path.of(snapshots.mounts("copy").getFirst().source());
      assertThat(copy.resolve("file")).hasBinaryContent(content);
    }
    assertSound(root);
  }

  @ParameterizedTest
  @MethodSource("fullWithAnyDriver")
  void rootIsOpenedAfterACleanStop(LoopFilesystem.Kind kind, DriverSetting driver)
      throws Exception {
    assertOpens(kind, driver, true);
  }

  @ParameterizedTest
  @MethodSource("fullWithAnyDriver")
  void rootIsOpenedAfterACrash(LoopFilesystem.Kind kind, DriverSetting driver) throws Exception {
    assertOpens(kind, driver, false);
  }

  private static void assertOpens(LoopFilesystem.Kind kind, DriverSetting driver, boolean isClean)
      throws Exception {
    Path root = newRoot(kind);
    try (EngineRoot engine = open(root, driver)) {
      makeSnapshots(engine.snapshotter(), root);
    }
    if (!isClean) {
      Files.delete(root.resolve("metadata/clean"));
    }
    try (Filling filling = Filling.of(FILESYSTEMS.of(kind).root());
        EngineRoot engine = open(root, driver)) {
      // After a crash the index is rebuilt, which may free some space.
      filling.fill();
      Snapshotter snapshots = engine.snapshotter();
      assertReads(snapshots);
      assertExhausted(root, () -> snapshots.prepare("new", "base", NO_LABELS));
      snapshots.remove("other");
    }
    try (EngineRoot engine = open(root, driver)) {
      engine.snapshotter().prepare("new", "base", NO_LABELS);
      engine.snapshotter().cleanup();
      assertThat(TestEngine.directories(root)).hasSize(4);
    }
    assertSound(root);
  }

  @ParameterizedTest
  @EnumSource(
      value = LoopFilesystem.Kind.class,
      names = {"EXT4", "XFS"})
  void newRootIsRefusedInOneLine(LoopFilesystem.Kind kind) {
    Path root = newRoot(kind);
    try (Filling _ = Filling.of(FILESYSTEMS.of(kind).root())) {
      assertThatThrownBy(() -> open(root, DriverSetting.AUTO))
          .isInstanceOf(UnusableRootException.class)
          .hasMessageContaining("ENOSPC")
          .hasMessageContaining("free some space");
    }
  }
}
