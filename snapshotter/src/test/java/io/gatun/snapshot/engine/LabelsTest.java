package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Setting, changing and removing labels. */
class LabelsTest {

  private static final String REFERENCE = "containerd.io/snapshot.ref";

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

  /** Asserts that the answer, Stat and List agree. */
  private void assertLabels(SnapshotInfo answer, Map<String, String> expected) {
    assertThat(answer.labels()).isEqualTo(expected);
    assertThat(snapshots.stat(answer.name())).isEqualTo(answer);
    assertThat(TestEngine.list(snapshots)).containsValue(answer);
  }

  @Test
  void commitReplacesAllLabels() {
    snapshots.prepare("a", "", Map.of("of the key", "1", "of both", "2"));
    snapshots.commit("base", "a", "", Map.of("of both", "3", REFERENCE, "sha256:00"));
    assertLabels(snapshots.stat("base"), Map.of("of both", "3", REFERENCE, "sha256:00"));
  }

  @Test
  void commitWithoutLabelsLeavesNone() {
    snapshots.prepare("a", "", Map.of("l", "1"));
    snapshots.commit("base", "a", "", NO_LABELS);
    assertLabels(snapshots.stat("base"), NO_LABELS);
  }

  @Test
  void labelWithoutValueIsNone() {
    snapshots.prepare("a", "", Map.of("l", "1", "empty", ""));
    assertLabels(snapshots.stat("a"), Map.of("l", "1"));
    snapshots.commit("base", "a", "", Map.of("empty", "", "m", "1"));
    assertLabels(snapshots.stat("base"), Map.of("m", "1"));
    assertLabels(snapshots.update("base", Map.of("m", "", "n", "1"), List.of()), Map.of("n", "1"));
  }

  @Test
  void updateWithoutMaskReplacesAllLabels() {
    snapshots.prepare("a", "", Map.of("l", "1", "m", "1"));
    assertLabels(snapshots.update("a", Map.of("l", "2"), List.of()), Map.of("l", "2"));
    assertLabels(snapshots.update("a", NO_LABELS, List.of()), NO_LABELS);
  }

  @Test
  void maskOfOneLabelLeavesTheOthers() {
    snapshots.prepare("a", "", Map.of("l", "1", "m", "1"));
    assertLabels(
        snapshots.update("a", Map.of("l", "2", "m", "2"), List.of("labels.l")),
        Map.of("l", "2", "m", "1"));
  }

  @Test
  void maskOfALabelThatIsNotGivenDeletesIt() {
    snapshots.prepare("a", "", Map.of("l1", "1", "l2", "1", "l3", "1"));
    assertLabels(
        snapshots.update("a", Map.of("l1", "2"), List.of("labels.l1", "labels.l2")),
        Map.of("l1", "2", "l3", "1"));
  }

  @Test
  void maskOfALabelThatThereNeverWasIsNoError() {
    snapshots.prepare("a", "", Map.of("l", "1"));
    assertLabels(snapshots.update("a", NO_LABELS, List.of("labels.foo")), Map.of("l", "1"));
    assertLabels(snapshots.update("a", NO_LABELS, List.of("labels.")), Map.of("l", "1"));
  }

  @Test
  void maskOfALabelWithAnEmptyValueDeletesIt() {
    snapshots.prepare("a", "", Map.of("l", "1", "m", "1"));
    assertLabels(snapshots.update("a", Map.of("l", ""), List.of("labels.l")), Map.of("m", "1"));
  }

  @Test
  void maskOfAllLabelsReplacesThem() {
    snapshots.prepare("a", "", Map.of("l", "1", "m", "1"));
    assertLabels(snapshots.update("a", Map.of("n", "1"), List.of("labels")), Map.of("n", "1"));
  }

  @Test
  void fieldsOfAMaskAreTakenInTheirOrder() {
    snapshots.prepare("a", "", Map.of("l", "1", "m", "1"));
    assertLabels(
        snapshots.update("a", Map.of("l", "2"), List.of("labels.m", "labels", "labels.l")),
        Map.of("l", "2"));
  }

  @Test
  void nameOfALabelMayHoldDots() {
    snapshots.prepare("a", "", Map.of(REFERENCE, "sha256:00", "l", "1"));
    assertLabels(
        snapshots.update("a", Map.of(REFERENCE, "sha256:01"), List.of("labels." + REFERENCE)),
        Map.of(REFERENCE, "sha256:01", "l", "1"));
  }

  @Test
  void maskWithAnImmutableFieldChangesNothing() {
    snapshots.prepare("a", "", Map.of("l", "1"));
    SnapshotInfo before = snapshots.stat("a");
    assertThatThrownBy(() -> snapshots.update("a", Map.of("l", "2"), List.of("labels.l", "parent")))
        .isInstanceOf(SnapshotException.InvalidArgument.class);
    assertThat(snapshots.stat("a")).isEqualTo(before);
  }

  @Test
  void everyKindOfSnapshotCanBeUpdatedAndKeepsTheRest() {
    snapshots.prepare("a", "", NO_LABELS);
    snapshots.commit("base", "a", "", NO_LABELS);
    snapshots.prepare("active", "base", NO_LABELS);
    snapshots.view("view", "base", NO_LABELS);
    Map<String, Kind> kinds =
        Map.of("base", Kind.COMMITTED, "active", Kind.ACTIVE, "view", Kind.VIEW);
    kinds.forEach(
        (name, kind) -> {
          SnapshotInfo updated = snapshots.update(name, Map.of("l", name), List.of());
          assertLabels(updated, Map.of("l", name));
          assertThat(updated.kind()).isEqualTo(kind);
          assertThat(updated.parent()).isEqualTo(kind == Kind.COMMITTED ? "" : "base");
        });
  }

  @Test
  void labelsOutliveTheDaemon() throws Exception {
    snapshots.prepare("a", "", Map.of("l", "1"));
    snapshots.commit("base", "a", "", Map.of(REFERENCE, "sha256:00"));
    snapshots.view("view", "base", Map.of("k8s.io/ü 牛", "=\"|,/ \n"));
    snapshots.update("view", Map.of("m", "1"), List.of("labels.m"));
    Map<String, SnapshotInfo> before = TestEngine.list(snapshots);
    engine.close();
    open();
    assertThat(TestEngine.list(snapshots)).isEqualTo(before);
    assertThat(snapshots.stat("view").labels())
        .isEqualTo(Map.of("k8s.io/ü 牛", "=\"|,/ \n", "m", "1"));
  }

  /** containerd finds an existing layer by its label and its parent. */
  @Test
  void committedSnapshotIsFoundByItsReference() {
    snapshots.prepare("a", "", NO_LABELS);
    snapshots.commit("default/1/base", "a", "", Map.of(REFERENCE, "sha256:00"));
    snapshots.prepare("b", "default/1/base", NO_LABELS);
    snapshots.commit("default/2/child", "b", "", Map.of(REFERENCE, "sha256:01"));
    assertThat(
            TestEngine.list(
                snapshots,
                "labels.\"containerd.io/snapshot.ref\"==sha256:01,parent==\"default/1/base\""))
        .containsOnlyKeys("default/2/child");
  }
}
