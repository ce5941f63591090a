package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The answers of requests whose snapshot is removed and deleted meanwhile. */
class RemovalRaceTest {

  private static final Map<String, String> NO_LABELS = Map.of();

  @TempDir private Path temporary;

  /** Runs once, just before the driver reads a snapshot. */
  private Runnable meanwhile = () -> {};

  private int interruptions;

  private EngineRoot open() throws Exception {
    return TestEngine.open(temporary.resolve("root"), new UnsyncedDisk(), InterruptedDriver::new);
  }

  private void interrupt() {
    Runnable once = meanwhile;
    meanwhile = () -> {};
    interruptions++;
    once.run();
  }

  @Test
  void usageOfWhatIsRemovedMeanwhileIsNotFound() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      meanwhile = () -> removeAndDelete(snapshots, "a");
      interruptions = 0;
      assertThatThrownBy(() -> snapshots.usage("a"))
          .isInstanceOf(SnapshotException.NotFound.class)
          .hasMessage("usage: snapshot a: not found");
      assertThat(interruptions).isEqualTo(1);
    }
  }

  @Test
  void usageOfACommittedSnapshotThatIsRemovedMeanwhileIsNotFound() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.commit("base", "a", "", NO_LABELS);
      meanwhile = () -> removeAndDelete(snapshots, "base");
      interruptions = 0;
      assertThatThrownBy(() -> snapshots.usage("base"))
          .isInstanceOf(SnapshotException.NotFound.class);
      assertThat(interruptions).isEqualTo(1);
    }
  }

  @Test
  void mountsOfWhatIsRemovedMeanwhileAreNotFound() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.commit("base", "a", "", NO_LABELS);
      snapshots.prepare("b", "base", NO_LABELS);
      meanwhile = () -> removeAndDelete(snapshots, "b");
      interruptions = 0;
      assertThatThrownBy(() -> snapshots.mounts("b"))
          .isInstanceOf(SnapshotException.NotFound.class)
          .hasMessage("mounts: snapshot b: not found");
      assertThat(interruptions).isEqualTo(1);
    }
  }

  @Test
  void usageOfWhatIsThereButCannotBeReadIsAStorageFailure() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      Files.delete(temporary.resolve("root/snapshots/1/fs"));
      assertThatThrownBy(() -> snapshots.usage("a"))
          .isInstanceOf(SnapshotException.StorageFailure.class)
          .hasMessageContaining("usage a: ")
          .hasMessageContaining("ENOENT");
    }
  }

  /**
   * The creation of a snapshot may take long, and containerd's garbage collection must not wait for
   * it.
   */
  @Test
  void parentOfASnapshotInTheMakingIsNotRemovedAndNotWaitedFor() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.commit("base", "a", "", NO_LABELS);
      List<Throwable> refusals = new ArrayList<>();
      meanwhile =
          () -> {
            try {
              snapshots.remove("base");
            } catch (SnapshotException e) {
              refusals.add(e);
            }
          };
      snapshots.prepare("b", "base", NO_LABELS);
      assertThat(refusals)
          .singleElement()
          .isInstanceOf(SnapshotException.FailedPrecondition.class)
          .hasToString(
              "io.gatun.snapshot.SnapshotException$FailedPrecondition: cannot remove snapshot base now:"
                  + " another one is being made on top of it");
      assertThat(snapshots.stat("b").parent()).isEqualTo("base");
    }
  }

  @Test
  void cleanupLeavesASnapshotInTheMakingAlone() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      meanwhile = snapshots::cleanup;
      interruptions = 0;
      snapshots.prepare("a", "", NO_LABELS);
      assertThat(interruptions).isPositive();
      assertThat(TestEngine.directories(temporary.resolve("root"))).containsExactly(1L);
      snapshots.cleanup();
      assertThat(TestEngine.directories(temporary.resolve("root"))).containsExactly(1L);
      assertThat(snapshots.usage("a").inodes()).isEqualTo(1);
    }
  }

  @Test
  void everythingMayBeDoneWhileSnapshotsAreListed() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.prepare("b", "", NO_LABELS);
      snapshots.prepare("c", "", NO_LABELS);
      List<SnapshotInfo> visited = new ArrayList<>();
      snapshots.list(
          List.of(),
          info -> {
            visited.add(info);
            if (visited.size() == 1) {
              snapshots.commit("base", "a", "", NO_LABELS);
              snapshots.remove("b");
              snapshots.prepare("d", "base", NO_LABELS);
              snapshots.update("c", Map.of("l", "1"), List.of());
              snapshots.cleanup();
            }
          });
      assertThat(visited.stream().map(SnapshotInfo::name)).containsExactly("a", "c");
      assertThat(visited.getLast().labels()).isEqualTo(Map.of("l", "1"));
    }
  }

  private static void removeAndDelete(Snapshotter snapshots, String key) {
    snapshots.remove(key);
    snapshots.cleanup();
  }

  /** A driver that is interrupted at the start of each call. */
  private final class InterruptedDriver extends ForwardingDriver {

    InterruptedDriver(Driver driver) {
      super(driver);
    }

    @Override
    public void create(Fd directory, Chain chain) throws ErrnoException {
      interrupt();
      super.create(directory, chain);
    }

    /** Reads the directory, as the overlay driver does. */
    @Override
    public List<Mount> mounts(Chain chain) throws ErrnoException {
      interrupt();
      var _ = super.usage(chain);
      return super.mounts(chain);
    }

    @Override
    public Usage usage(Chain chain) throws ErrnoException {
      interrupt();
      return super.usage(chain);
    }
  }
}
