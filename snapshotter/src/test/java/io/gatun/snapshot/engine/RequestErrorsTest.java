package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotException.AlreadyExists;
import io.gatun.snapshot.SnapshotException.FailedPrecondition;
import io.gatun.snapshot.SnapshotException.InvalidArgument;
import io.gatun.snapshot.SnapshotException.NotFound;
import io.gatun.snapshot.SnapshotException.Unsupported;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The errors of each request, and their order if several apply, after the checks of containerd's
 * {@code snapshots/storage/bolt.go}. A refused request changes nothing.
 */
class RequestErrorsTest {

  /**
   * @param title the mistake
   * @param message the start of the error message
   */
  record Case(
      String title,
      Consumer<Snapshotter> request,
      Class<? extends SnapshotException> kind,
      String message) {

    @Override
    public String toString() {
      return title;
    }
  }

  @TempDir private Path temporary;

  @ParameterizedTest
  @MethodSource({"unknown", "creations", "commits", "removals", "others", "orders"})
  void requestIsRefused(Case refused) throws Exception {
    Path root = temporary.resolve("root");
    try (EngineRoot engine = TestEngine.open(root)) {
      Snapshotter snapshots = engine.snapshotter();
      prepare(snapshots);
      Map<String, SnapshotInfo> before = TestEngine.list(snapshots);
      Set<Long> directories = TestEngine.directories(root);
      assertThatThrownBy(() -> refused.request.accept(snapshots))
          .isExactlyInstanceOf(refused.kind)
          .message()
          .startsWith(refused.message)
          // containerd maps messages with these endings to other errors.
          .doesNotEndWith(": conflict")
          .doesNotEndWith(": not modified");
      assertThat(TestEngine.list(snapshots)).isEqualTo(before);
      snapshots.cleanup();
      assertThat(TestEngine.directories(root)).isEqualTo(directories);
    }
  }

  /** Creates two images with one layer each, one with two, and a snapshot of each other kind. */
  private static void prepare(Snapshotter snapshots) {
    snapshots.prepare("k1", "", NO_LABELS);
    snapshots.commit("base", "k1", "", NO_LABELS);
    snapshots.prepare("k2", "", NO_LABELS);
    snapshots.commit("other", "k2", "", NO_LABELS);
    snapshots.prepare("k3", "base", NO_LABELS);
    snapshots.commit("child", "k3", "", NO_LABELS);
    snapshots.prepare("active", "", NO_LABELS);
    snapshots.prepare("container", "child", NO_LABELS);
    snapshots.view("view", "base", NO_LABELS);
  }

  static Stream<Case> unknown() {
    return Stream.of(
        new Case(
            "stat of an unknown key",
            s -> s.stat("no-one"),
            NotFound.class,
            "stat: snapshot no-one: not found"),
        new Case(
            "usage of an unknown key",
            s -> s.usage("no-one"),
            NotFound.class,
            "usage: snapshot no-one: not found"),
        new Case(
            "mounts of an unknown key",
            s -> s.mounts("no-one"),
            NotFound.class,
            "mounts: snapshot no-one: not found"),
        new Case(
            "update of an unknown key",
            s -> s.update("no-one", NO_LABELS, List.of()),
            NotFound.class,
            "update: snapshot no-one: not found"),
        new Case(
            "remove of an unknown key",
            s -> s.remove("no-one"),
            NotFound.class,
            "remove: snapshot no-one: not found"),
        new Case(
            "commit of an unknown key",
            s -> s.commit("new", "no-one", "", NO_LABELS),
            NotFound.class,
            "commit: snapshot no-one: not found"),
        new Case(
            "commit of an unknown key to itself",
            s -> s.commit("no-one", "no-one", "", NO_LABELS),
            NotFound.class,
            "commit: snapshot no-one: not found"));
  }

  static Stream<Case> creations() {
    return Stream.of(
        new Case(
            "prepare of a key that is taken",
            s -> s.prepare("active", "base", NO_LABELS),
            AlreadyExists.class,
            "snapshot active already exists"),
        new Case(
            "prepare of a key that is a name",
            s -> s.prepare("base", "", NO_LABELS),
            AlreadyExists.class,
            "snapshot base already exists"),
        new Case(
            "view of a key that is taken",
            s -> s.view("view", "base", NO_LABELS),
            AlreadyExists.class,
            "snapshot view already exists"),
        new Case(
            "prepare on an unknown parent",
            s -> s.prepare("new", "no-one", NO_LABELS),
            NotFound.class,
            "prepare new: parent snapshot no-one: not found"),
        new Case(
            "view of an unknown parent",
            s -> s.view("new", "no-one", NO_LABELS),
            NotFound.class,
            "view new: parent snapshot no-one: not found"),
        new Case(
            "prepare on an active parent",
            s -> s.prepare("new", "active", NO_LABELS),
            InvalidArgument.class,
            "prepare new: parent snapshot active is not committed but active"),
        new Case(
            "prepare on itself",
            s -> s.prepare("active", "active", NO_LABELS),
            InvalidArgument.class,
            "prepare active: parent snapshot active is not committed but active"),
        new Case(
            "view of a view",
            s -> s.view("new", "view", NO_LABELS),
            InvalidArgument.class,
            "view new: parent snapshot view is not committed but view"));
  }

  static Stream<Case> commits() {
    return Stream.of(
        new Case(
            "commit to a name that is taken",
            s -> s.commit("base", "active", "", NO_LABELS),
            AlreadyExists.class,
            "snapshot base already exists"),
        new Case(
            "commit to a name that is a key",
            s -> s.commit("view", "active", "", NO_LABELS),
            AlreadyExists.class,
            "snapshot view already exists"),
        new Case(
            "commit to its own key",
            s -> s.commit("active", "active", "", NO_LABELS),
            AlreadyExists.class,
            "snapshot active already exists"),
        new Case(
            "commit of a view",
            s -> s.commit("new", "view", "", NO_LABELS),
            FailedPrecondition.class,
            "commit view as new: the snapshot is not active but view"),
        new Case(
            "commit of what is committed",
            s -> s.commit("new", "base", "", NO_LABELS),
            FailedPrecondition.class,
            "commit base as new: the snapshot is not active but committed"),
        new Case(
            "commit on another parent",
            s -> s.commit("new", "container", "other", NO_LABELS),
            InvalidArgument.class,
            "commit container as new: the parent is child and cannot become other"),
        new Case(
            "rebase on an unknown parent",
            s -> s.commit("new", "active", "no-one", NO_LABELS),
            NotFound.class,
            "commit active as new: parent snapshot no-one: not found"),
        new Case(
            "rebase on the name itself",
            s -> s.commit("new", "active", "new", NO_LABELS),
            NotFound.class,
            "commit active as new: parent snapshot new: not found"),
        new Case(
            "rebase on an active parent",
            s -> s.commit("new", "active", "container", NO_LABELS),
            FailedPrecondition.class,
            "commit active as new: parent snapshot container is not committed but active"),
        new Case(
            "rebase on a view",
            s -> s.commit("new", "active", "view", NO_LABELS),
            FailedPrecondition.class,
            "commit active as new: parent snapshot view is not committed but view"),
        new Case(
            "rebase on itself",
            s -> s.commit("new", "active", "active", NO_LABELS),
            FailedPrecondition.class,
            "commit active as new: parent snapshot active is not committed but active"),
        new Case(
            "rebase of a copy",
            s -> s.commit("new", "active", "base", NO_LABELS),
            Unsupported.class,
            "commit active as new: cannot put the snapshot on the parent base: the native driver"));
  }

  static Stream<Case> removals() {
    return Stream.of(
        new Case(
            "remove of what has children",
            s -> s.remove("base"),
            FailedPrecondition.class,
            "cannot remove snapshot base: it has 2 children"),
        new Case(
            "remove of what has a child",
            s -> s.remove("child"),
            FailedPrecondition.class,
            "cannot remove snapshot child: it has 1 child"));
  }

  static Stream<Case> others() {
    return Stream.of(
        new Case(
            "mounts of what is committed",
            s -> s.mounts("base"),
            FailedPrecondition.class,
            "mounts base: the snapshot is committed"),
        new Case(
            "update of the parent",
            s -> s.update("active", NO_LABELS, List.of("parent")),
            InvalidArgument.class,
            "update active: field parent cannot be changed, only labels can"),
        new Case(
            "update of an unknown field",
            s -> s.update("active", NO_LABELS, List.of("label")),
            InvalidArgument.class,
            "update active: field label cannot be changed, only labels can"),
        new Case(
            "update of a field without a name",
            s -> s.update("active", NO_LABELS, List.of("")),
            InvalidArgument.class,
            "update active: field  cannot be changed, only labels can"),
        new Case(
            "update of a label and of a field",
            s -> s.update("active", Map.of("l", "1"), List.of("labels.l", "kind")),
            InvalidArgument.class,
            "update active: field kind cannot be changed, only labels can"),
        new Case(
            "list with a filter that does not parse",
            s -> s.list(List.of("kind==active", "labels."), info -> {}),
            InvalidArgument.class,
            "filters: parse error: "));
  }

  static Stream<Case> orders() {
    return Stream.of(
        new Case(
            "an empty key before an unknown parent",
            s -> s.prepare("", "no-one", NO_LABELS),
            InvalidArgument.class,
            "prepare: key is empty"),
        new Case(
            "an unknown parent before a key that is taken",
            s -> s.prepare("active", "no-one", NO_LABELS),
            NotFound.class,
            "prepare active: parent snapshot no-one: not found"),
        new Case(
            "an active parent before a key that is taken",
            s -> s.view("view", "active", NO_LABELS),
            InvalidArgument.class,
            "view view: parent snapshot active is not committed but active"),
        new Case(
            "a name that is taken before an unknown key",
            s -> s.commit("base", "no-one", "", NO_LABELS),
            AlreadyExists.class,
            "snapshot base already exists"),
        new Case(
            "a name that is taken before the kind",
            s -> s.commit("base", "view", "", NO_LABELS),
            AlreadyExists.class,
            "snapshot base already exists"),
        new Case(
            "an unknown key before an unknown parent",
            s -> s.commit("new", "no-one", "no-one-either", NO_LABELS),
            NotFound.class,
            "commit: snapshot no-one: not found"),
        new Case(
            "the kind before the parent",
            s -> s.commit("new", "view", "no-one", NO_LABELS),
            FailedPrecondition.class,
            "commit view as new: the snapshot is not active but view"),
        new Case(
            "having a parent before its not being there",
            s -> s.commit("new", "container", "no-one", NO_LABELS),
            InvalidArgument.class,
            "commit container as new: the parent is child and cannot become no-one"),
        new Case(
            "an unknown key before a field that cannot be changed",
            s -> s.update("no-one", NO_LABELS, List.of("parent")),
            NotFound.class,
            "update: snapshot no-one: not found"),
        new Case(
            "an overlong label before an unknown key",
            s -> s.update("no-one", Map.of("l", "x".repeat(4096)), List.of()),
            InvalidArgument.class,
            "update: label l has 4097 bytes"));
  }
}
