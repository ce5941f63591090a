package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ids are names of directories. No directory may ever be taken for that of another snapshot. */
class IdsTest {

  @TempDir private Path temporary;

  private final List<Long> used = new ArrayList<>();

  /** Creates a snapshot, asserts that its id is higher than all before, and removes it. */
  private void use(Snapshotter snapshots) {
    snapshots.prepare("a", "", NO_LABELS);
    long id = id(snapshots.mounts("a").getFirst());
    assertThat(used).allSatisfy(before -> assertThat(id).isGreaterThan(before));
    used.add(id);
    snapshots.remove("a");
    snapshots.cleanup();
  }

  @Test
  void idIsNotUsedAgainThoughItsSnapshotIsGone() throws Exception {
    try (EngineRoot engine = TestEngine.open(temporary.resolve("root"))) {
      for (int i = 0; i < 10; i++) {
        use(engine.snapshotter());
      }
    }
  }

  @Test
  void idIsNotUsedAgainAfterAStop() throws Exception {
    for (int i = 0; i < 3; i++) {
      try (EngineRoot engine = TestEngine.open(temporary.resolve("root"))) {
        use(engine.snapshotter());
        use(engine.snapshotter());
      }
    }
  }

  @Test
  void idIsNotUsedAgainAfterAKill() throws Exception {
    Path root = temporary.resolve("root");
    for (int i = 0; i < 3; i++) {
      Path killed = temporary.resolve("killed-" + i);
      try (EngineRoot engine = TestEngine.open(root)) {
        use(engine.snapshotter());
        use(engine.snapshotter());
        // A copy of the root of a running daemon equals the root after a kill.
        copy(root, killed);
      }
      root = killed;
    }
  }

  @Test
  void refusedRequestTakesNoIdOfAnother() throws Exception {
    try (EngineRoot engine = TestEngine.open(temporary.resolve("root"))) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("taken", "", NO_LABELS);
      used.add(id(snapshots.mounts("taken").getFirst()));
      assertThatThrownBy(() -> snapshots.prepare("taken", "", NO_LABELS))
          .isInstanceOf(SnapshotException.AlreadyExists.class);
      use(snapshots);
    }
  }

  @Test
  void commitKeepsTheDirectory() throws Exception {
    try (EngineRoot engine = TestEngine.open(temporary.resolve("root"))) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      long id = id(snapshots.mounts("a").getFirst());
      snapshots.commit("base", "a", "", NO_LABELS);
      snapshots.view("view", "base", NO_LABELS);
      assertThat(id(snapshots.mounts("view").getFirst())).isEqualTo(id);
    }
  }

  /** {@return the id in the source path of a native mount} */
  private static long id(Mount mount) {
    Path files = Path.of(mount.source());
    return Long.parseLong(files.getName(files.getNameCount() - 2).toString());
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.copy(file, to.resolve(from.relativize(file)));
      }
    }
  }
}
