package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.apply.BytesBlob;
import io.gatun.snapshot.apply.Cancellation;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: what containerd waits for with its metadata locked, Commit and Remove, takes no longer for
 * a layer of 80,000 files than for one of a few, each file on the disk when Apply returns. Method:
 * medians of a few layers, which are printed; on a quiet machine they are to be at most 2 ms and 5
 * ms, and a test on any machine asserts what a walk of the layer would exceed.
 */
@Timeout(600)
class LayerCostIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final int LAYERS = 5;
  private static final int DIRECTORIES = 800;
  private static final int FILES_EACH = 100;

  /** A walk of 80,000 files takes 0.3 s with nothing else to do. */
  private static final Duration MEDIAN_MAX = Duration.ofMillis(50);

  /** It does not name the directory that all of it is in. */
  private static byte[] layer() {
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < DIRECTORIES; i++) {
      String directory = "usr/d" + i;
      tar.directory(directory, 0755);
      for (int j = 0; j < FILES_EACH; j++) {
        tar.file(directory + "/f" + j, 0644, "x");
      }
    }
    return tar.finish();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void commitAndRemoveTakeNoLongerForManyFiles(boolean isRebase) throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("cost-");
    OverlaySettings overlay = isRebase ? TestRoots.REBASING : TestRoots.PLAIN;
    List<Duration> commits = new ArrayList<>();
    List<Duration> removals = new ArrayList<>();
    byte[] tar = layer();
    try (EngineRoot root = TestRoots.open(directory, DriverSetting.OVERLAY, overlay)) {
      Snapshotter snapshots = root.snapshotter();
      LayerUnpacker unpacker = root.unpacker(1);
      UnaryOperator<String> key = name -> "default/1/extract-1-a sha256:" + name;
      List<Mount> first = snapshots.prepare(key.apply("base"), "", NO_LABELS);
      unpacker.unpack(
          new BytesBlob(TarBuilder.pax().directory("usr", 0755).finish()),
          first,
          false,
          new Cancellation());
      snapshots.commit("base", key.apply("base"), "", NO_LABELS);
      for (int i = 0; i < LAYERS; i++) {
        String name = "layer-" + i;
        List<Mount> mounts = snapshots.prepare(key.apply(name), isRebase ? "" : "base", NO_LABELS);
        unpacker.unpack(new BytesBlob(tar), mounts, false, new Cancellation());
        commits.add(timed(() -> snapshots.commit(name, key.apply(name), "base", NO_LABELS)));
        removals.add(timed(() -> snapshots.remove(name)));
        snapshots.cleanup();
      }
    }
    System.out.printf(
        "layer of %d files, rebase %s: commit %d us, remove %d us%n",
        DIRECTORIES * FILES_EACH,
        isRebase,
        median(commits).toNanos() / 1_000,
        median(removals).toNanos() / 1_000);
    assertThat(median(commits)).isLessThan(MEDIAN_MAX);
    assertThat(median(removals)).isLessThan(MEDIAN_MAX);
  }

  private static Duration timed(Runnable work) {
    long start = System.nanoTime();
    work.run();
    return Duration.ofNanos(System.nanoTime() - start);
  }

  private static Duration median(List<Duration> times) {
    return times.stream().sorted().toList().get(times.size() / 2);
  }
}
