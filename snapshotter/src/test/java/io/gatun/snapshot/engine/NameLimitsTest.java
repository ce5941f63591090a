package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The limits on the length and content of keys and labels, in every request. */
class NameLimitsTest {

  @TempDir private Path temporary;

  static Stream<String> malformed() {
    return Stream.of("", "x".repeat(32_769), "牛".repeat(10_923), "a\0", "\ud800", "x\udc00x");
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void malformedNameIsRefusedEverywhere(String name) throws Exception {
    try (EngineRoot engine = TestEngine.open(temporary.resolve("root"))) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      assertMalformed("prepare: key ", () -> snapshots.prepare(name, "", NO_LABELS));
      assertMalformed("view: key ", () -> snapshots.view(name, "", NO_LABELS));
      assertMalformed("mounts: key ", () -> snapshots.mounts(name));
      assertMalformed("commit: name ", () -> snapshots.commit(name, "a", "", NO_LABELS));
      assertMalformed("commit: key ", () -> snapshots.commit("b", name, "", NO_LABELS));
      assertMalformed("remove: key ", () -> snapshots.remove(name));
      assertMalformed("stat: key ", () -> snapshots.stat(name));
      assertMalformed("update: name ", () -> snapshots.update(name, NO_LABELS, List.of()));
      assertMalformed("usage: key ", () -> snapshots.usage(name));
      if (!name.isEmpty()) {
        assertMalformed("prepare: parent ", () -> snapshots.prepare("b", name, NO_LABELS));
        assertMalformed("view: parent ", () -> snapshots.view("b", name, NO_LABELS));
        assertMalformed("commit: parent ", () -> snapshots.commit("b", "a", name, NO_LABELS));
      }
      assertThat(TestEngine.list(snapshots)).containsOnlyKeys("a");
    }
  }

  private static void assertMalformed(String message, ThrowingCallable request) {
    assertThatThrownBy(request)
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageStartingWith(message)
        // The message must stay readable in a log.
        .message()
        .hasSizeLessThan(200);
  }

  static Stream<String> longest() {
    return Stream.of("x".repeat(32_768), "é".repeat(16_384), "\ud83d\udc02".repeat(8_192));
  }

  @ParameterizedTest
  @MethodSource("longest")
  void longestNameLivesAsOthersDo(String name) throws Exception {
    Path root = temporary.resolve("root");
    SnapshotInfo before;
    try (EngineRoot engine = TestEngine.open(root)) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare(name, "", NO_LABELS);
      assertThat(snapshots.mounts(name)).hasSize(1);
      snapshots.commit("base", name, "", NO_LABELS);
      snapshots.prepare("a", "base", NO_LABELS);
      snapshots.commit(name, "a", "base", NO_LABELS);
      snapshots.view("view", name, Map.of("l", "x".repeat(4095)));
      snapshots.update(name, Map.of("l", "1"), List.of());
      before = snapshots.stat(name);
    }
    try (EngineRoot engine = TestEngine.open(root)) {
      Snapshotter snapshots = engine.snapshotter();
      assertThat(snapshots.stat(name)).isEqualTo(before);
      assertThat(snapshots.stat("view").parent()).isEqualTo(name);
      assertThat(TestEngine.list(snapshots)).containsOnlyKeys("base", name, "view");
      assertThatThrownBy(() -> snapshots.remove(name))
          .isInstanceOf(SnapshotException.FailedPrecondition.class);
      snapshots.remove("view");
      snapshots.remove(name);
      snapshots.remove("base");
    }
  }

  /**
   * Keys like those of containerd, with characters that a path cannot contain or that lead out of
   * one.
   */
  @Test
  void namesAreNoPaths() throws Exception {
    Path root = temporary.resolve("root");
    List<String> names =
        List.of(
            "k8s.io/12/extract-123456789-AbCd sha256:00ff",
            "/absolute",
            "../../../etc/passwd",
            ".",
            "..",
            " ",
            "\n",
            "%s\\x00",
            "1");
    try (EngineRoot engine = TestEngine.open(root)) {
      Snapshotter snapshots = engine.snapshotter();
      names.forEach(name -> snapshots.prepare(name, "", NO_LABELS));
      assertThat(TestEngine.list(snapshots).keySet()).containsExactlyInAnyOrderElementsOf(names);
      names.forEach(
          name ->
              assertThat(Path.of(snapshots.mounts(name).getFirst().source()))
                  .startsWith(root.resolve("snapshots"))
                  .isDirectory());
      names.forEach(snapshots::remove);
      snapshots.cleanup();
      assertThat(TestEngine.directories(root)).isEmpty();
    }
  }

  @Test
  void labelsAreLimitedInEveryRequestThatHasSome() throws Exception {
    Map<String, String> longest = Map.of("l".repeat(96), "x".repeat(4000));
    Map<String, String> tooLong = Map.of("l".repeat(96), "x".repeat(4001));
    try (EngineRoot engine = TestEngine.open(temporary.resolve("root"))) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", longest);
      snapshots.commit("base", "a", "", longest);
      assertThat(snapshots.update("base", longest, List.of()).labels()).isEqualTo(longest);
      snapshots.prepare("b", "base", NO_LABELS);
      assertMalformed("prepare: label ", () -> snapshots.prepare("c", "", tooLong));
      assertMalformed("view: label ", () -> snapshots.view("c", "base", tooLong));
      assertMalformed("commit: label ", () -> snapshots.commit("c", "b", "", tooLong));
      assertMalformed("update: label ", () -> snapshots.update("b", tooLong, List.of()));
      assertThat(TestEngine.list(snapshots)).containsOnlyKeys("base", "b");
    }
  }
}
