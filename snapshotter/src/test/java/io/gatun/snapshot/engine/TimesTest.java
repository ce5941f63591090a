package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The creation and update times of snapshots, to the nanosecond. */
class TimesTest {

  private static final Instant START = Instant.parse("2026-11-24T23:59:59.999999998Z");

  /** A clock that advances by a nanosecond with each reading. */
  private static final class Clock implements InstantSource {
    private Instant next = START;

    @Override
    public synchronized Instant instant() {
      Instant now = next;
      next = next.plusNanos(1);
      return now;
    }
  }

  @TempDir private Path temporary;

  private final Clock clock = new Clock();

  private EngineRoot open() throws Exception {
    return TestEngine.open(temporary.resolve("root"), clock);
  }

  private static void assertTimes(SnapshotInfo info, Instant created, Instant updated) {
    assertThat(info.created()).isEqualTo(created);
    assertThat(info.updated()).isEqualTo(updated);
  }

  @Test
  void timesAreThoseOfTheRequestsAndOutliveTheDaemon() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      assertTimes(snapshots.stat("a"), START, START);
      SnapshotInfo updated = snapshots.update("a", Map.of("l", "1"), List.of());
      assertTimes(updated, START, START.plusNanos(1));
      // A commit sets a new creation time.
      snapshots.commit("base", "a", "", NO_LABELS);
      assertTimes(snapshots.stat("base"), START.plusNanos(2), START.plusNanos(2));
      snapshots.view("view", "base", NO_LABELS);
      assertTimes(snapshots.stat("view"), START.plusNanos(3), START.plusNanos(3));
      snapshots.update("base", NO_LABELS, List.of("labels.l"));
      assertTimes(snapshots.stat("base"), START.plusNanos(2), START.plusNanos(4));
      snapshots.usage("base");
      snapshots.mounts("view");
    }
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      assertTimes(snapshots.stat("base"), START.plusNanos(2), START.plusNanos(4));
      assertTimes(snapshots.stat("view"), START.plusNanos(3), START.plusNanos(3));
      assertThat(TestEngine.list(snapshots).values())
          .containsExactlyInAnyOrder(snapshots.stat("base"), snapshots.stat("view"));
    }
  }

  @Test
  void nameThatIsUsedAgainHasTimesOfItsOwn() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.remove("a");
      snapshots.prepare("a", "", NO_LABELS);
      assertTimes(snapshots.stat("a"), START.plusNanos(1), START.plusNanos(1));
    }
  }

  @Test
  void timesAreThoseOfTheClientsClock() throws Exception {
    try (EngineRoot engine = TestEngine.open(temporary.resolve("root"))) {
      Snapshotter snapshots = engine.snapshotter();
      Instant before = Instant.now();
      snapshots.prepare("a", "", NO_LABELS);
      Instant between = Instant.now();
      SnapshotInfo updated = snapshots.update("a", NO_LABELS, List.of());
      assertThat(updated.created()).isBetween(before, between);
      assertThat(updated.updated()).isBetween(between, Instant.now());
    }
  }
}
