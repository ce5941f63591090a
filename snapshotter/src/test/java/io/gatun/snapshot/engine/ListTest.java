package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The results of List, and other requests during a list. */
class ListTest {

  @TempDir private Path temporary;
  private EngineRoot engine;
  private Snapshotter snapshots;

  @BeforeEach
  void open() throws Exception {
    engine = TestEngine.open(temporary.resolve("root"));
    snapshots = engine.snapshotter();
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private void makeSome() {
    snapshots.prepare("a", "", Map.of("l", "1"));
    snapshots.commit("base", "a", "", Map.of("l", "1"));
    snapshots.prepare("active", "base", Map.of("l", "2"));
    snapshots.view("view", "base", NO_LABELS);
  }

  @Test
  void emptyStoreHasAnEmptyList() {
    assertThat(TestEngine.list(snapshots)).isEmpty();
    assertThat(TestEngine.list(snapshots, "kind==committed")).isEmpty();
    assertThatThrownBy(() -> TestEngine.list(snapshots, "kind=="))
        .isInstanceOf(SnapshotException.InvalidArgument.class);
  }

  @Test
  void storeThatIsEmptyAgainHasAnEmptyList() {
    snapshots.prepare("a", "", NO_LABELS);
    snapshots.remove("a");
    assertThat(TestEngine.list(snapshots)).isEmpty();
  }

  @Test
  void filtersAreAlternatives() {
    makeSome();
    assertThat(TestEngine.list(snapshots)).containsOnlyKeys("base", "active", "view");
    assertThat(TestEngine.list(snapshots, "")).containsOnlyKeys("base", "active", "view");
    assertThat(TestEngine.list(snapshots, "kind==view", "name==base"))
        .containsOnlyKeys("view", "base");
    assertThat(TestEngine.list(snapshots, "kind==view,name==base")).isEmpty();
    assertThat(TestEngine.list(snapshots, "parent==base,labels.l")).containsOnlyKeys("active");
    assertThat(TestEngine.list(snapshots, "labels.l==1")).containsOnlyKeys("base");
    assertThat(TestEngine.list(snapshots, "parent!=\"\"")).containsOnlyKeys("active", "view");
  }

  @Test
  void nothingIsVisitedIfOneOfTheFiltersDoesNotParse() {
    makeSome();
    List<SnapshotInfo> visited = new ArrayList<>();
    assertThatThrownBy(() -> snapshots.list(List.of("kind==view", "labels."), visited::add))
        .isInstanceOf(SnapshotException.InvalidArgument.class);
    assertThat(visited).isEmpty();
  }

  @Test
  void visitorMayCallBack() {
    makeSome();
    List<SnapshotInfo> visited = new ArrayList<>();
    snapshots.list(
        List.of(),
        info -> {
          visited.add(info);
          assertThat(snapshots.stat(info.name())).isEqualTo(info);
          snapshots.usage(info.name());
          assertThat(TestEngine.list(snapshots)).hasSize(3);
        });
    assertThat(visited).hasSize(3);
  }

  /** A slow reader of a list must not block other requests. */
  @Test
  void othersWorkWhileAVisitorIsWaitedFor() {
    makeSome();
    List<String> visited = new ArrayList<>();
    snapshots.list(
        List.of(),
        info -> {
          visited.add(info.name());
          if (visited.size() == 1) {
            CompletableFuture.runAsync(
                    () -> {
                      snapshots.update(info.name(), Map.of("seen", "1"), List.of());
                      snapshots.prepare("another", "base", NO_LABELS);
                      snapshots.commit("child", "another", "", NO_LABELS);
                      snapshots.remove("view");
                      snapshots.cleanup();
                    })
                .orTimeout(30, TimeUnit.SECONDS)
                .join();
          }
        });
    // Snapshots that existed throughout appear once, and new ones do not. Removed ones may appear.
    assertThat(visited)
        .doesNotHaveDuplicates()
        .contains("base", "active")
        .doesNotContain("another", "child");
    assertThat(TestEngine.list(snapshots)).containsOnlyKeys("base", "active", "child");
  }

  @Test
  void visitorThatFailsEndsTheListAndNothingElse() {
    makeSome();
    List<SnapshotInfo> visited = new ArrayList<>();
    assertThatThrownBy(
            () ->
                snapshots.list(
                    List.of(),
                    info -> {
                      visited.add(info);
                      throw new IllegalStateException("the client is gone");
                    }))
        .isInstanceOf(IllegalStateException.class);
    assertThat(visited).hasSize(1);
    snapshots.remove("active");
    assertThat(TestEngine.list(snapshots)).containsOnlyKeys("base", "view");
  }
}
