package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code gatun fsck} of 100,000 snapshots, with a heap as small as the daemon's. */
@Timeout(1_800)
final class LargeRootIT {

  private static final int SNAPSHOTS = 100_000;
  private static final int CREATORS = 4;

  @TempDir Path memory;

  @BeforeEach
  void mountMemory() throws Exception {
    Mounts.mount(LinuxPath.of("tmpfs"), LinuxPath.of(memory), "tmpfs", Set.of(), "mode=0700");
  }

  @AfterEach
  void unmountMemory() throws Exception {
    Mounts.umount2(LinuxPath.of(memory), UnmountFlag.DETACH);
  }

  @Test
  void isCheckedAfterACleanStopAndByCheckpointAndJournalAlone() throws Exception {
    fill();

    assertThat(fsck()).isEqualTo(new Commands.Outcome(0, "nothing is wrong\n"));

    Files.delete(aWorkDirectory());
    Files.delete(root().resolve("metadata/clean"));
    assertThat(fsck().status()).isEqualTo(3);
  }

  /** Some ids belong to directories created in advance, which are gone. */
  private Path aWorkDirectory() throws IOException {
    try (Stream<Path> snapshots = Files.list(root().resolve("snapshots"))) {
      return snapshots
          .map(directory -> directory.resolve("work"))
          .filter(Files::isDirectory)
          .findFirst()
          .orElseThrow();
    }
  }

  private Path root() {
    return memory.resolve("root");
  }

  /** {@return its result with a heap as small as the daemon's} */
  private Commands.Outcome fsck() throws IOException {
    Path configuration = memory.resolve("gatun.toml");
    Files.writeString(
        configuration, "root = \"%s\"\nmetadata_entries_max = %d\n".formatted(root(), SNAPSHOTS));
    List<String> command = new ArrayList<>(List.of("env", "GATUN_JAVA_OPTS=-Xmx64m"));
    command.addAll(List.of(GatunProcess.PROGRAM.toString(), "fsck"));
    command.addAll(List.of("--config", configuration.toString()));
    long begin = System.nanoTime();
    Commands.Outcome outcome = Commands.attempt(command.toArray(String[]::new));
    System.out.printf(
        "fsck of %d snapshots: %d ms, %s%n",
        SNAPSHOTS, (System.nanoTime() - begin) / 1_000_000, outcome);
    return outcome;
  }

  /** Fills the root with one layer and containers on it. */
  private void fill() throws Exception {
    EngineSettings defaults = EngineSettings.defaults(root());
    EngineSettings settings =
        new EngineSettings(
            root(),
            DriverSetting.OVERLAY,
            defaults.overlay(),
            defaults.copyThreads(),
            SyncPolicy.COMMIT,
            defaults.metadata().withEntriesMax(SNAPSHOTS));
    try (EngineRoot engine = EngineRoot.open(new LinuxDisk(), settings, InstantSource.system());
        ExecutorService threads = Executors.newFixedThreadPool(CREATORS)) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("layer", "", Map.of());
      snapshots.commit("base", "layer", "", Map.of());
      List<Future<?>> creators = new ArrayList<>();
      for (int creator = 0; creator < CREATORS; creator++) {
        int first = creator;
        creators.add(
            threads.submit(
                () -> {
                  for (int i = first; i < SNAPSHOTS - 1; i += CREATORS) {
                    snapshots.prepare("k8s.io/%d/%064x".formatted(i, i), "base", Map.of());
                  }
                }));
      }
      for (Future<?> creator : creators) {
        creator.get();
      }
    }
  }
}
