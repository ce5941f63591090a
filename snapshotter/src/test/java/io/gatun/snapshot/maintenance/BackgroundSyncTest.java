package io.gatun.snapshot.maintenance;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** When layers are synced. {@link BackgroundSyncIT} tests the results. */
@Timeout(60)
class BackgroundSyncTest {

  private static final Digest LAYER = BytesBlob.digestOf(new byte[] {1});

  @TempDir private Path temporary;

  private final CompletableFuture<Long> turn = new CompletableFuture<>();
  private final List<LinuxPath> trash = new ArrayList<>();
  private Root root;
  private IndexedLayers indexedLayers;

  @BeforeEach
  void open() throws Exception {
    UnsyncedDisk disk = new UnsyncedDisk();
    root = Root.open(disk, temporary.resolve("root"));
    Path layer = Files.createDirectories(temporary.resolve("root/layers").resolve(LAYER.hex()));
    Files.createFile(layer.resolve("tar"));
    indexedLayers =
        new IndexedLayers(LayerStore.open(disk, root, SyncWatch.alone()), () -> true, trash::add);
  }

  @AfterEach
  void close() {
    root.close();
  }

  private BackgroundSync settler(Duration delay) {
    return new BackgroundSync(
        indexedLayers, _ -> {}, delay, () -> turn.complete(System.nanoTime()) || turn.isDone());
  }

  @Test
  void aLayerHasItsTurnWhenTheDelayIsOver() throws Exception {
    Duration delay = Duration.ofMillis(200);
    try (BackgroundSync backgroundSync = settler(delay)) {
      long submitted = System.nanoTime();
      backgroundSync.submit(LAYER);
      assertThat(turn.get() - submitted).isGreaterThanOrEqualTo(delay.toNanos());
    }
  }

  @Test
  void aLayerWhoseTurnIsToComeHasItWhenTheDaemonStops() {
    try (BackgroundSync backgroundSync = settler(Duration.ofHours(1))) {
      backgroundSync.submit(LAYER);
      assertThat(turn).isNotDone();
    }
    assertThat(turn).isCompleted();
  }
}
