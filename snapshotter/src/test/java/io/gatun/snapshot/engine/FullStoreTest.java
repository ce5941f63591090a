package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A metadata store at its configured limit. */
class FullStoreTest {

  private static final int ENTRIES_MAX = 4;

  @TempDir private Path temporary;
  private Path root;
  private EngineRoot engine;
  private Snapshotter snapshots;

  @BeforeEach
  void fill() throws Exception {
    root = temporary.resolve("root");
    open();
    snapshots.prepare("a", "", NO_LABELS);
    snapshots.commit("base", "a", "", NO_LABELS);
    snapshots.prepare("active", "base", NO_LABELS);
    snapshots.view("view", "base", NO_LABELS);
    snapshots.prepare("another", "base", NO_LABELS);
  }

  private void open() throws Exception {
    engine = TestEngine.open(root, InstantSource.system(), ENTRIES_MAX);
    snapshots = engine.snapshotter();
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private void assertFull(ThrowingCallable request) {
    assertThatThrownBy(request)
        .isInstanceOf(SnapshotException.ResourceExhausted.class)
        .hasMessageContaining("the metadata store holds 4 snapshots");
  }

  @Test
  void whatAddsIsRefusedAndLeavesNothing() {
    assertFull(() -> snapshots.prepare("new", "base", NO_LABELS));
    assertFull(() -> snapshots.view("new", "base", NO_LABELS));
    snapshots.cleanup();
    assertThat(TestEngine.directories(root)).hasSize(ENTRIES_MAX);
    assertThat(TestEngine.list(snapshots)).hasSize(ENTRIES_MAX);
  }

  @Test
  void everythingElseIsServed() {
    assertThat(snapshots.stat("base").kind()).isEqualTo(Kind.COMMITTED);
    assertThat(snapshots.mounts("active")).hasSize(1);
    assertThat(snapshots.usage("base").inodes()).isEqualTo(1);
    assertThat(TestEngine.list(snapshots, "parent==base")).hasSize(3);
    assertThat(snapshots.update("view", Map.of("l", "1"), List.of()).labels()).hasSize(1);
    snapshots.commit("child", "active", "", NO_LABELS);
    assertThatThrownBy(() -> snapshots.remove("base"))
        .isInstanceOf(SnapshotException.FailedPrecondition.class);
  }

  @Test
  void removalMakesRoom() {
    snapshots.remove("another");
    snapshots.prepare("new", "base", NO_LABELS);
    assertFull(() -> snapshots.prepare("newer", "base", NO_LABELS));
  }

  @Test
  void storeThatIsFullOpensAgain() throws Exception {
    engine.close();
    open();
    assertFull(() -> snapshots.prepare("new", "", NO_LABELS));
    snapshots.remove("view");
    snapshots.prepare("new", "", NO_LABELS);
  }

  /** A limit below the current number of snapshots must not lose any. */
  @Test
  void storeWithMoreThanItMayHoldServesAndRemoves() throws Exception {
    engine.close();
    engine = TestEngine.open(root, InstantSource.system(), 2);
    snapshots = engine.snapshotter();
    assertThat(TestEngine.list(snapshots)).hasSize(ENTRIES_MAX);
    assertThatThrownBy(() -> snapshots.prepare("new", "", NO_LABELS))
        .isInstanceOf(SnapshotException.ResourceExhausted.class);
    List.of("another", "view", "active", "base").forEach(snapshots::remove);
    snapshots.prepare("new", "", NO_LABELS);
  }
}
