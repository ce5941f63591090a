package io.gatun.snapshot.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.engine.ForwardingDriver;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.fault.Effect;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.FaultyDisk;
import io.gatun.snapshot.fault.LayerSyncs;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fault.PageCache;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Directories created in advance. They equal those that a request creates, and belong to no
 * snapshot until it has its record.
 */
@Timeout(60)
@ExtendWith(QuietLogs.class)
class DirectoryPoolTest {

  private static final int SPARES = 64;
  private static final int ENTRIES_MAX = 1_000;
  private static final int JOURNAL_BYTES = 256 << 10;
  private static final Map<String, String> NO_LABELS = Map.of();

  @TempDir private Path temporary;

  private Path root;
  private PageCache cache;
  private FaultyDisk disk;
  private EngineRoot engine;

  /** Treats base snapshots as blank, as the overlay driver treats most snapshots. */
  private static final class Ordinary extends ForwardingDriver {
    Ordinary(Driver driver) {
      super(driver);
    }

    @Override
    public boolean isBlank(Chain chain) {
      return chain.kind() == Kind.ACTIVE && chain.lowers().isEmpty() && chain.labels().isEmpty();
    }
  }

  @BeforeEach
  void start() throws Exception {
    root = temporary.resolve("root");
    cache =
        new PageCache(
            new LinuxDisk(), temporary, Files.createDirectory(temporary.resolve("stash")));
    disk = new FaultyDisk(cache);
    open();
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private void open() throws Exception {
    EngineSettings defaults = EngineSettings.defaults(root);
    engine =
        EngineRoot.open(
            disk,
            new EngineSettings(
                    root,
                    DriverSetting.NATIVE,
                    defaults.overlay(),
                    1,
                    defaults.syncPolicy(),
                    new MetadataSettings(ENTRIES_MAX, JOURNAL_BYTES))
                .withDirectoryPool(SPARES),
            InstantSource.system(),
            LayerBlobs.NONE,
            "this boot",
            Ordinary::new);
  }

  private void kill() {
    disk.stop();
    engine.close();
    disk = new FaultyDisk(cache);
  }

  /** {@return the id of a new snapshot, after all background work has ended} */
  private long prepare(String key) {
    String source = engine.snapshotter().prepare(key, "", NO_LABELS).getFirst().source();
    Machine.awaitQuiet();
    return Long.parseLong(
        root.resolve("snapshots").relativize(Path.of(source)).getName(0).toString());
  }

  private Set<Long> directories() {
    return TestEngine.directories(root);
  }

  private static boolean isOfSnapshots(LinuxPath path) {
    return path.toString().endsWith("/snapshots");
  }

  @Test
  void theFirstRequestHasThemMadeAndTheNextHaveNothingToSync() {
    assertThat(directories()).isEmpty();
    prepare("first");
    assertThat(directories()).hasSize(1 + SPARES);
    disk.breakDown((effect, path) -> effect == Effect.SYNC && isOfSnapshots(path), Errno.EIO);
    Set<Long> before = directories();
    for (int i = 0; i < SPARES / 2 - 1; i++) {
      assertThat(before).contains(prepare("snapshot " + i));
    }
    assertThat(disk.fired()).isEmpty();
    assertThat(directories()).isEqualTo(before);
  }

  @Test
  void thereAreAsManyAgainBeforeTheyAreUsedUp() {
    prepare("first");
    for (int i = 0; i < 3 * SPARES; i++) {
      prepare("snapshot " + i);
      assertThat(directories()).hasSizeBetween(2 + i + SPARES / 2, 2 + i + SPARES);
    }
  }

  @Test
  void whatIsNotOrdinaryGetsOneOfItsOwn() {
    prepare("first");
    Set<Long> before = directories();
    engine.snapshotter().view("view", "", NO_LABELS);
    engine.snapshotter().prepare("labelled", "", Map.of("label", "value"));
    assertThat(directories()).hasSize(before.size() + 2);
  }

  @Test
  void thereAreNoneWhenNobodyHasAskedForAWhile() throws Exception {
    prepare("first");
    assertThat(directories()).hasSize(1 + SPARES);
    while (directories().size() > 1) {
      Thread.sleep(100);
    }
    prepare("second");
    assertThat(directories()).hasSize(2 + SPARES);
  }

  @Test
  void theySurviveACleanupAndNotACleanStop() throws Exception {
    prepare("first");
    Set<Long> before = directories();
    engine.snapshotter().cleanup();
    assertThat(directories()).isEqualTo(before);
    engine.close();
    assertThat(directories()).hasSize(1);
    assertThat(TestEngine.names(root.resolve("trash"))).isEmpty();
    open();
    assertThat(prepare("second")).isGreaterThan(Math.max(before.size(), SPARES));
  }

  @Test
  void aCrashMakesThemGarbageWhoseIdsAreNeverUsedAgain() throws Exception {
    prepare("first");
    Set<Long> before = directories();
    kill();
    open();
    engine.snapshotter().cleanup();
    assertThat(directories()).hasSize(1);
    prepare("second");
    Set<Long> after = directories();
    after.removeAll(before);
    assertThat(after).hasSize(1 + SPARES);
  }

  @Test
  void aSnapshotThatTookOneIsThereAfterAPowerCut() throws Exception {
    prepare("first");
    long id = prepare("taken");
    kill();
    cache.cutPower();
    open();
    assertThat(engine.snapshotter().stat("taken").kind()).isEqualTo(Kind.ACTIVE);
    assertThat(root.resolve("snapshots/" + id + "/fs")).isDirectory();
  }

  @Test
  void oneThatWasThereWhenASyncFailedIsNotGivenOut() throws Exception {
    long first = prepare("first");
    Set<Long> spares = directories();
    Path file = root.resolve("snapshots/" + first + "/fs/file");
    Files.writeString(file, "content");
    cache.wroteElsewhere(file);
    disk.breakDown(LayerSyncs::isOne, Errno.EIO);
    assertThatThrownBy(() -> engine.snapshotter().commit("layer", "first", "", NO_LABELS))
        .isInstanceOf(SnapshotException.StorageFailure.class);
    disk.heal();
    long second = prepare("second");
    assertThat(spares).doesNotContain(second);
    Files.writeString(root.resolve("snapshots/" + second + "/fs/file"), "content");
    engine.snapshotter().commit("layer", "second", "", NO_LABELS);
    engine.snapshotter().cleanup();
    spares.remove(first);
    assertThat(directories()).doesNotContainAnyElementsOf(spares);
  }

  @Test
  void oneWhoseSnapshotGetsNoRecordIsDeleted() {
    prepare("first");
    int before = directories().size();
    // The record is the only write.
    disk.planFault(1, new Fault.Failure(Errno.ENOSPC));
    assertThatThrownBy(() -> prepare("refused"))
        .isInstanceOf(SnapshotException.ResourceExhausted.class)
        .hasMessageContaining("journal");
    assertThat(disk.fired()).isPresent();
    engine.snapshotter().cleanup();
    assertThat(directories()).hasSize(before - 1);
  }

  @Test
  void aDiskOnWhichNoneCanBeMadeConcernsOnlyWhoNeedsHisOwn() throws Exception {
    disk.breakDown(
        (effect, path) -> effect == Effect.CREATE_DIRECTORY && path.toString().endsWith("4.new"),
        Errno.ENOSPC);
    prepare("first");
    assertThat(disk.fired()).isPresent();
    prepare("second");
    engine.snapshotter().cleanup();
    assertThat(directories()).hasSize(2);
    disk.heal();
    // The next attempt comes a second later.
    for (int i = 0; directories().size() < SPARES; i++) {
      prepare("later " + i);
      Thread.sleep(20);
    }
  }

  @Test
  void nothingOfABatchWhoseSyncFailsIsGivenOut() throws Exception {
    prepare("first");
    Set<Long> before = directories();
    disk.breakDown((effect, path) -> effect == Effect.SYNC && isOfSnapshots(path), Errno.EIO);
    int taken = 0;
    while (disk.fired().isEmpty()) {
      assertThat(before).contains(prepare("snapshot " + taken++));
    }
    disk.heal();
    engine.snapshotter().cleanup();
    assertThat(before).containsAll(directories());
  }

  @Test
  void noneIsGivenToTwo() throws Exception {
    int clients = 8;
    int each = 100;
    List<Future<List<String>>> made = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(clients)) {
      for (int client = 0; client < clients; client++) {
        String name = "client " + client + " ";
        made.add(
            threads.submit(
                () -> {
                  List<String> sources = new ArrayList<>();
                  for (int i = 0; i < each; i++) {
                    String key = name + i;
                    sources.add(
                        engine.snapshotter().prepare(key, "", NO_LABELS).getFirst().source());
                    if (i % 2 == 0) {
                      engine.snapshotter().remove(key);
                    }
                  }
                  return sources;
                }));
      }
    }
    Set<String> sources = new HashSet<>();
    for (Future<List<String>> future : made) {
      sources.addAll(future.get());
    }
    assertThat(sources).hasSize(clients * each);
    engine.close();
    assertThat(directories()).hasSizeGreaterThanOrEqualTo(clients * each / 2);
    open();
    engine.snapshotter().cleanup();
    assertThat(directories()).hasSize(clients * each / 2);
  }
}
