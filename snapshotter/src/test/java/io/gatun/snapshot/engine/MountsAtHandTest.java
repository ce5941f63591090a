package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mounts that are known without I/O, for which no request has to wait. */
class MountsAtHandTest {

  private static final Map<String, String> NO_LABELS = Map.of();

  @TempDir private Path temporary;

  private EngineRoot engine;

  @BeforeEach
  void open() throws Exception {
    engine = TestEngine.open(temporary.resolve("root"));
    Snapshotter snapshots = engine.snapshotter();
    snapshots.prepare("a", "", NO_LABELS);
    snapshots.commit("base", "a", "", NO_LABELS);
    snapshots.prepare("extraction", "", NO_LABELS);
    snapshots.prepare("copy", "base", NO_LABELS);
    snapshots.view("view", "base", NO_LABELS);
  }

  @AfterEach
  void close() {
    engine.close();
  }

  @Test
  void whatNoMarkCanLieBesideIsAtHand() {
    assertThat(engine.snapshotter().tryMountsWithoutIo("extraction"))
        .contains(engine.snapshotter().mounts("extraction"));
    assertThat(engine.snapshotter().tryMountsWithoutIo("view"))
        .contains(engine.snapshotter().mounts("view"));
  }

  @Test
  void aCopyMayHaveBeenLost() {
    assertThat(engine.snapshotter().tryMountsWithoutIo("copy")).isEmpty();
  }

  @Test
  void theQuestionIsRefusedLikeTheRequest() {
    assertThatThrownBy(() -> engine.snapshotter().tryMountsWithoutIo("base"))
        .isInstanceOf(SnapshotException.FailedPrecondition.class);
    assertThatThrownBy(() -> engine.snapshotter().tryMountsWithoutIo("missing"))
        .isInstanceOf(SnapshotException.NotFound.class);
    assertThatThrownBy(() -> engine.snapshotter().tryMountsWithoutIo(""))
        .isInstanceOf(SnapshotException.InvalidArgument.class);
  }
}
