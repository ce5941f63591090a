package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.fsck.RootFinding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Snapshots whose files an operator or a damaged filesystem has removed. */
class MissingFilesTest {

  /** The parts of a snapshot that may be missing. */
  enum Loss {
    DIRECTORY,
    FILES,
    FILES_ARE_A_FILE,
    DIRECTORY_IS_A_FILE;

    void happen(Path snapshot) throws IOException {
      Path victim = this == FILES || this == FILES_ARE_A_FILE ? snapshot.resolve("fs") : snapshot;
      LoopFilesystem.run(List.of("rm", "-r", victim.toString()));
      if (this == FILES_ARE_A_FILE || this == DIRECTORY_IS_A_FILE) {
        Files.createFile(victim);
      }
    }
  }

  private static final int BASE = 1;
  private static final int ACTIVE = 2;
  private static final int VIEW = 3;
  private static final int OTHER = 4;

  @TempDir private Path temporary;
  private Path root = Path.of("");

  @BeforeEach
  void makeSnapshots() throws Exception {
    root = temporary.resolve("root");
    try (EngineRoot engine = TestEngine.open(root)) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.commit("base", "a", "", NO_LABELS);
      snapshots.prepare("active", "base", NO_LABELS);
      snapshots.view("view", "base", NO_LABELS);
      snapshots.prepare("other", "", NO_LABELS);
    }
  }

  private Path snapshot(int id) {
    return root.resolve("snapshots").resolve(Integer.toString(id));
  }

  private static void assertMissing(String name, int id, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(SnapshotException.NotFound.class)
        .hasMessageContaining("snapshot %s (id %d) is missing".formatted(name, id))
        .hasMessageContaining("delete the images and containers that use it")
        .hasMessageContaining("pull again");
  }

  private void assertOnlyFoundMissing(String name) throws Exception {
    assertThat(RootCheck.of(root).findings())
        .filteredOn(RootFinding.MissingFiles.class::isInstance)
        .singleElement()
        .satisfies(finding -> assertThat(finding.sentence()).containsPattern(" " + name + "\\b"));
  }

  @ParameterizedTest
  @EnumSource
  void committedSnapshotIsMissing(Loss loss) throws Exception {
    loss.happen(snapshot(BASE));
    assertOnlyFoundMissing("base");
    try (EngineRoot engine = TestEngine.open(root)) {
      Snapshotter snapshots = engine.snapshotter();
      assertMissing("base", BASE, () -> snapshots.stat("base"));
      assertMissing("base", BASE, () -> snapshots.usage("base"));
      assertMissing("base", BASE, () -> snapshots.update("base", Map.of("l", "1"), List.of()));
      assertMissing("base", BASE, () -> snapshots.prepare("new", "base", NO_LABELS));
      assertMissing("base", BASE, () -> snapshots.view("new", "base", NO_LABELS));
      assertMissing("base", BASE, () -> snapshots.mounts("active"));
      assertMissing("base", BASE, () -> snapshots.commit("child", "active", "", NO_LABELS));
      assertThat(TestEngine.list(snapshots)).containsOnlyKeys("base", "active", "view", "other");
      assertThat(snapshots.mounts("other")).hasSize(1);

      List.of("active", "view", "base").forEach(snapshots::remove);
      snapshots.cleanup();
      assertThat(TestEngine.list(snapshots)).containsOnlyKeys("other");
      assertThat(TestEngine.directories(root)).containsExactly((long) OTHER);
    }
    assertThat(RootCheck.of(root).findings()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void activeSnapshotIsMissingAndIsNeverRebuilt(Loss loss) throws Exception {
    loss.happen(snapshot(ACTIVE));
    assertOnlyFoundMissing("active");
    for (int start = 0; start < 2; start++) {
      try (EngineRoot engine = TestEngine.open(root)) {
        Snapshotter snapshots = engine.snapshotter();
        assertMissing("active", ACTIVE, () -> snapshots.stat("active"));
        assertMissing("active", ACTIVE, () -> snapshots.mounts("active"));
        assertMissing("active", ACTIVE, () -> snapshots.usage("active"));
        assertMissing("active", ACTIVE, () -> snapshots.commit("c", "active", "", NO_LABELS));
        assertThatThrownBy(() -> snapshots.prepare("active", "base", NO_LABELS))
            .isInstanceOf(SnapshotException.AlreadyExists.class);
        snapshots.cleanup();
      }
      assertThat(Files.isDirectory(snapshot(ACTIVE).resolve("fs"))).isFalse();
    }
    try (EngineRoot engine = TestEngine.open(root)) {
      engine.snapshotter().remove("active");
      engine.snapshotter().prepare("active", "base", NO_LABELS);
      assertThat(engine.snapshotter().mounts("active")).hasSize(1);
    }
  }

  @Test
  void viewIsMissing() throws Exception {
    Loss.FILES.happen(snapshot(VIEW));
    assertOnlyFoundMissing("view");
    try (EngineRoot engine = TestEngine.open(root)) {
      Snapshotter snapshots = engine.snapshotter();
      assertMissing("view", VIEW, () -> snapshots.mounts("view"));
      snapshots.remove("view");
    }
  }
}
