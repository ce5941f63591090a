package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.Change;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RecoveryIT {

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int SNAPSHOTS = 10_000;
  private static final int AT_A_TIME = 50;
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  @TempDir Path temporary;

  /**
   * A disk may take minutes to create and delete tens of thousands of directories, so this uses
   * memory.
   */
  @BeforeEach
  void mountMemory() throws Exception {
    Mounts.mount(LinuxPath.of("tmpfs"), LinuxPath.of(temporary), "tmpfs", Set.of(), "mode=0700");
  }

  @AfterEach
  void unmountMemory() throws Exception {
    Mounts.umount2(LinuxPath.of(temporary), UnmountFlag.DETACH);
  }

  @Test
  void tenThousandSnapshotsRecoverFromACrashInUnderTwoSeconds() throws Exception {
    Path path = temporary.resolve("root");
    EngineSettings settings = EngineSettings.defaults(path);
    makeSnapshots(path, settings);
    // The marker of a clean shutdown.
    Files.delete(path.resolve("metadata/clean"));
    Files.delete(path.resolve("snapshots/1/fs"));
    assertOpensInTime(
        "recovery",
        settings,
        engine ->
            assertThatThrownBy(() -> engine.snapshotter().stat(name(0)))
                .isInstanceOf(SnapshotException.NotFound.class)
                .hasMessageContaining("is missing"));
  }

  @Test
  void tenThousandSnapshotsAreThereAfterACleanStopInUnderTwoSeconds() throws Exception {
    Path path = temporary.resolve("root");
    EngineSettings settings = EngineSettings.defaults(path);
    makeSnapshots(path, settings);
    assertThat(path.resolve("metadata/clean")).exists();
    assertOpensInTime(
        "clean start",
        settings,
        engine -> assertThat(engine.snapshotter().stat(name(0)).kind()).isEqualTo(Kind.COMMITTED));
  }

  private static void assertOpensInTime(
      String what, EngineSettings settings, Consumer<EngineRoot> check) throws Exception {
    // CPU time of this thread, because other load may slow the machine.
    long begin = THREADS.getCurrentThreadCpuTime();
    try (EngineRoot engine =
        EngineRoot.open(new UnsyncedDisk(), settings, InstantSource.system())) {
      Duration taken = Duration.ofNanos(THREADS.getCurrentThreadCpuTime() - begin);
      System.out.printf("%s of %d snapshots takes %d ms%n", what, SNAPSHOTS, taken.toMillis());
      assertThat(taken).isLessThan(PATIENCE);
      assertThat(TestEngine.list(engine.snapshotter())).hasSize(SNAPSHOTS);
      check.accept(engine);
    }
  }

  private static void makeSnapshots(Path path, EngineSettings settings) throws Exception {
    try (Root root = Root.open(new UnsyncedDisk(), path);
        MetadataStore store =
            MetadataStore.open(new UnsyncedDisk(), root.metadataPath(), settings.metadata())) {
      List<Change> changes = new ArrayList<>();
      for (int i = 0; i < SNAPSHOTS; i++) {
        long id = store.nextId();
        Files.createDirectories(path.resolve("snapshots/%d/fs".formatted(id)));
        changes.add(new Change.Put(record(id, name(i))));
        if (changes.size() == AT_A_TIME) {
          store.apply(changes);
          changes.clear();
        }
      }
    }
  }

  private static String name(int i) {
    return "k8s.io/%d/sha256:%064d".formatted(i, i);
  }

  private static SnapshotRecord record(long id, String name) {
    return new SnapshotRecord(
        id,
        Kind.COMMITTED,
        name,
        "",
        SnapshotRecord.NO_PARENT,
        Map.of("containerd.io/gc.root", Instant.EPOCH.toString()),
        Instant.EPOCH,
        Instant.EPOCH,
        null,
        new LayerForm.Directory());
  }
}
