package io.gatun.snapshot.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.StandInLayer;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Deletion of removed snapshots in the background. */
@Timeout(60)
class DeletionTest {

  private static final int DIRECTORIES = 30;
  private static final int FILES_EACH = 500;

  @TempDir private Path temporary;

  private EngineRoot open() throws Exception {
    return TestEngine.open(temporary.resolve("root"), new UnsyncedDisk(), UnaryOperator.identity());
  }

  private Set<String> trash() {
    return TestEngine.names(temporary.resolve("root/trash"));
  }

  private static Path files(List<Mount> mounts) {
    return Path.of(mounts.getFirst().source());
  }

  private static void fill(Path directory) throws IOException {
    for (int i = 0; i < DIRECTORIES; i++) {
      Path below = Files.createDirectory(directory.resolve("d" + i));
      for (int j = 0; j < FILES_EACH; j++) {
        Files.createFile(below.resolve("f" + j));
      }
    }
  }

  @Test
  void deletingYieldsToLayersThatAreUnpacked() throws Exception {
    try (EngineRoot engine = open();
        var threads = Executors.newSingleThreadExecutor()) {
      Snapshotter snapshots = engine.snapshotter();
      fill(files(snapshots.prepare("gone", "", TestEngine.NO_LABELS)));
      List<Mount> mounts = snapshots.prepare("a", "", TestEngine.NO_LABELS);
      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch mayEnd = new CountDownLatch(1);
      StandInLayer layer =
          StandInLayer.of(new UnsyncedDisk(), "one")
              .ending(
                  () -> {
                    begun.countDown();
                    awaitQuietly(mayEnd);
                  });
      Future<?> apply =
          threads.submit(
              () -> {
                engine.applier().apply(mounts, false, layer);
                return null;
              });
      begun.await();
      long start = System.nanoTime();
      snapshots.remove("gone");
      snapshots.cleanup();
      Duration beside = Duration.ofNanos(System.nanoTime() - start);
      mayEnd.countDown();
      apply.get();
      assertThat(trash()).isEmpty();
      assertThat(beside)
          .isGreaterThan(
              Duration.ofMillis(
                  900L
                      * DIRECTORIES
                      * FILES_EACH
                      / DeletionThrottle.FILES_PER_SECOND_MAX_BESIDE_UNPACKS));
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void spaceComesBackThoughTheDaemonStopsMeanwhile() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      fill(files(snapshots.prepare("gone", "", TestEngine.NO_LABELS)));
      snapshots.remove("gone");
    }
    // The throttle alone makes the deletion longer than the stop.
    assertThat(TestEngine.directories(temporary.resolve("root")).size() + trash().size())
        .isPositive();
    try (EngineRoot engine = open()) {
      engine.snapshotter().cleanup();
      assertThat(TestEngine.directories(temporary.resolve("root"))).isEmpty();
      assertThat(trash()).isEmpty();
    }
  }
}
