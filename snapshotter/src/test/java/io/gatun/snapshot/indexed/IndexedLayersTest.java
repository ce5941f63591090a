package io.gatun.snapshot.indexed;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Layers that no snapshot has any more. */
class IndexedLayersTest {

  private static final Digest LAYER = BytesBlob.digestOf(new byte[] {1});
  private static final Digest FIRST = BytesBlob.digestOf(new byte[] {2});
  private static final Digest SECOND = BytesBlob.digestOf(new byte[] {3});

  @TempDir private Path temporary;

  private final AtomicBoolean isCertain = new AtomicBoolean(true);
  private final List<LinuxPath> trash = new ArrayList<>();
  private Path layer;
  private Root root;
  private LayerStore store;
  private IndexedLayers indexedLayers;

  @BeforeEach
  void open() throws Exception {
    UnsyncedDisk disk = new UnsyncedDisk();
    root = Root.open(disk, temporary.resolve("root"));
    layer = Files.createDirectories(temporary.resolve("root/layers").resolve(LAYER.hex()));
    for (String file : List.of("tar", "index-" + FIRST.hex(), "index-" + SECOND.hex())) {
      Files.createFile(layer.resolve(file));
    }
    store = LayerStore.open(disk, root, SyncWatch.alone());
    indexedLayers = new IndexedLayers(store, isCertain::get, trash::add);
  }

  @AfterEach
  void close() throws IOException {
    root.close();
  }

  @Test
  void whatNobodyNeedsIsTakenAway() {
    indexedLayers.add(1, new LayerForm.Indexed(LAYER, FIRST));
    indexedLayers.collect(LAYER);
    assertThat(TestEngine.names(layer)).containsExactlyInAnyOrder("tar", "index-" + FIRST.hex());
    indexedLayers.remove(1);
    assertThat(layer).doesNotExist();
    assertThat(trash).hasSize(1);
  }

  @Test
  void nothingIsTakenAwayBeforeItIsCertainWhatRecordsName() throws Exception {
    indexedLayers.add(1, new LayerForm.Indexed(LAYER, FIRST));
    isCertain.set(false);
    indexedLayers.collect(LAYER);
    assertThat(layer.resolve("index-" + SECOND.hex())).exists();
    indexedLayers.remove(1);
    indexedLayers.deleteUnreferenced();
    assertThat(TestEngine.names(layer)).hasSize(3);
    assertThat(trash).isEmpty();
    isCertain.set(true);
    indexedLayers.deleteUnreferenced();
    assertThat(layer).doesNotExist();
    assertThat(trash).hasSize(1);
  }

  /** Like a commit on a parent that was unknown at the apply. */
  @Test
  @Timeout(60)
  void whatASnapshotTakesCanBeAskedForWhileItGetsAnotherIndex() throws Exception {
    AtomicBoolean isEnd = new AtomicBoolean();
    indexedLayers.add(1, new LayerForm.Indexed(LAYER, FIRST));
    try (ExecutorService threads = Executors.newSingleThreadExecutor()) {
      Future<?> changes =
          threads.submit(
              () -> {
                for (int i = 0; !isEnd.get(); i++) {
                  Digest next = i % 2 == 0 ? SECOND : FIRST;
                  try (LayerStore.LayerRef _ = store.acquire(LAYER)) {
                    Files.write(layer.resolve("index-" + next.hex()), new byte[0]);
                    indexedLayers.add(1, new LayerForm.Indexed(LAYER, next));
                  }
                  indexedLayers.collect(LAYER);
                }
                return null;
              });
      for (int i = 0; i < 20_000; i++) {
        assertThat(indexedLayers.usage(1).inodes()).isEqualTo(2);
      }
      isEnd.set(true);
      changes.get();
    }
    indexedLayers.collect(LAYER);
    assertThat(TestEngine.names(layer)).hasSize(2);
  }
}
