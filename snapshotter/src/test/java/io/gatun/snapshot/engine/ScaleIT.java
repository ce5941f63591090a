package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Stat, Mounts and Remove of one snapshot among 100,000 take at most 1.5 times as long as among
 * 100.
 *
 * <p>The test compares the medians of many calls for the same snapshot, over several snapshots. Two
 * roots are open at the same time and called in turns, in memory and without syncs. It thus
 * compares the work, which must not grow with the number of snapshots, and not the disk.
 *
 * <p>It also compares calls for a different snapshot each time, at which the larger root loses. Its
 * index does not fit into the caches of the processor, so each call for a snapshot that was not
 * used lately waits for a dozen cache lines. This costs about a microsecond, which is small for
 * Mounts and Remove, but makes Stat two to three times as slow. This cost has its own limit.
 */
@Timeout(600)
@Tag("alone")
final class ScaleIT {

  private static final int SMALL = 100;
  private static final int LARGE = 100_000;
  private static final double RATIO_MAX = 1.5;

  /** The limit for fetching cache lines from memory. */
  private static final long FETCH_NANOS_MAX = 5_000;

  private static final int CREATORS = 4;
  private static final int ROUNDS = 30;
  private static final int CALLS_PER_ROUND = 200;
  private static final int WARM_UP_ROUNDS = 10;

  /** On a busy machine, the larger root also waits for its own background work. */
  private static final int ATTEMPTS = 3;

  @TempDir Path temporary;

  @BeforeEach
  void mountMemory() throws Exception {
    Mounts.mount(LinuxPath.of("tmpfs"), LinuxPath.of(temporary), "tmpfs", Set.of(), "mode=0700");
  }

  @AfterEach
  void unmountMemory() throws Exception {
    Mounts.umount2(LinuxPath.of(temporary), UnmountFlag.DETACH);
  }

  @ParameterizedTest
  @EnumSource(
      value = DriverSetting.class,
      names = {"OVERLAY", "NATIVE"})
  void oneSnapshotAmongManyTakesAsLongAsAmongFew(DriverSetting driver) throws Exception {
    long seed = System.nanoTime();
    System.out.println("driver=" + driver + " seed=" + seed);
    Random random = new Random(seed);
    try (EngineRoot few = filled("few", driver, SMALL);
        EngineRoot many = filled("many", driver, LARGE)) {
      for (Call call : Call.values()) {
        Comparison comparison = compare(few, many, call, random);
        for (int more = 1; more < ATTEMPTS && !comparison.isAsFast(); more++) {
          comparison = compare(few, many, call, random);
        }
        assertThat(comparison.isAsFast()).as("%s %s", call, comparison).isTrue();
      }
    }
  }

  private static Comparison compare(EngineRoot few, EngineRoot many, Call call, Random random) {
    Medians same = new Medians();
    Medians other = new Medians();
    for (int round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
      boolean counts = round >= WARM_UP_ROUNDS;
      long[] sameFew = times(few.snapshotter(), call, random, SMALL, true);
      long[] sameMany = times(many.snapshotter(), call, random, LARGE, true);
      long[] otherFew = times(few.snapshotter(), call, random, SMALL, false);
      long[] otherMany = times(many.snapshotter(), call, random, LARGE, false);
      if (counts) {
        same.add(sameFew, sameMany);
        other.add(otherFew, otherMany);
      }
    }
    Comparison comparison = new Comparison(same, other);
    System.out.printf("call=%s %s%n", call, comparison);
    return comparison;
  }

  /** The times of calls for the same snapshot, and for a different one each time. */
  private record Comparison(Medians same, Medians other) {
    boolean isAsFast() {
      return same.ratio() <= RATIO_MAX
          && (other.ratio() <= RATIO_MAX || other.surplusNanos() <= FETCH_NANOS_MAX);
    }

    @Override
    public String toString() {
      return "same_snapshot: %s, another each time: %s".formatted(same, other);
    }
  }

  private enum Call {
    STAT,
    MOUNTS,
    REMOVE;

    void run(Snapshotter snapshots, String key) {
      switch (this) {
        case STAT -> snapshots.stat(key);
        case MOUNTS -> snapshots.mounts(key);
        case REMOVE -> snapshots.remove(key);
      }
    }

    /** Restores the state before the call, so that it can be repeated. */
    void restore(Snapshotter snapshots, String key) {
      switch (this) {
        case STAT, MOUNTS -> {}
        case REMOVE -> snapshots.prepare(key, "base", Map.of());
      }
    }
  }

  /** The median times among few and among many snapshots, round by round. */
  private static final class Medians {

    private final long[] few = new long[ROUNDS];
    private final long[] many = new long[ROUNDS];
    private int count;

    void add(long[] timesAmongFew, long[] timesAmongMany) {
      few[count] = median(timesAmongFew);
      many[count] = median(timesAmongMany);
      count++;
    }

    double ratio() {
      return (double) median(many) / median(few);
    }

    long surplusNanos() {
      return median(many) - median(few);
    }

    @Override
    public String toString() {
      return "%d ns among few, %d ns among many, ratio %.2f"
          .formatted(median(few), median(many), ratio());
    }
  }

  private static long[] times(
      Snapshotter snapshots, Call call, Random random, int count, boolean sameSnapshot) {
    long[] nanos = new long[CALLS_PER_ROUND];
    String key = key(random.nextInt(count - 1));
    for (int i = 0; i < nanos.length; i++) {
      if (!sameSnapshot) {
        key = key(random.nextInt(count - 1));
      }
      long begin = System.nanoTime();
      call.run(snapshots, key);
      nanos[i] = System.nanoTime() - begin;
      call.restore(snapshots, key);
    }
    return nanos;
  }

  private static long median(long[] values) {
    long[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  /** {@return a root with this many snapshots: one layer, and containers on it} */
  private EngineRoot filled(String name, DriverSetting driver, int count) throws Exception {
    EngineSettings defaults =
        EngineSettings.defaults(Files.createDirectory(temporary.resolve(name)));
    EngineRoot root =
        EngineRoot.open(
            new UnsyncedDisk(),
            new EngineSettings(
                defaults.root(),
                driver,
                defaults.overlay(),
                1,
                SyncPolicy.NONE,
                defaults.metadata().withEntriesMax(LARGE + SMALL)),
            InstantSource.system());
    Snapshotter snapshots = root.snapshotter();
    snapshots.prepare("layer", "", Map.of());
    snapshots.commit("base", "layer", "", Map.of());
    long begin = System.nanoTime();
    try (ExecutorService creators = Executors.newFixedThreadPool(CREATORS)) {
      for (int creator = 0; creator < CREATORS; creator++) {
        int first = creator;
        var _ =
            creators.submit(
                () -> {
                  for (int i = first; i < count - 1; i += CREATORS) {
                    snapshots.prepare(key(i), "base", Map.of());
                  }
                });
      }
    }
    System.out.printf(
        "%s: %d snapshots after %d s%n", name, count, (System.nanoTime() - begin) / 1_000_000_000);
    assertThat(TestEngine.list(snapshots)).hasSize(count);
    return root;
  }

  /** {@return a key like those of containerd} */
  private static String key(int number) {
    return "k8s.io/%d/%064x".formatted(number, number);
  }
}
