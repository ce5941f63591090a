package io.gatun.snapshot.indexed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Prefetcher;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Indexes that are prefetched before they are requested. */
@Timeout(60)
class IndexPrefetchTest {

  private static final Duration LONG = Duration.ofHours(1);
  private static final Duration SHORT = Duration.ofMillis(500);
  private static final long MOMENT_MILLIS = 100;

  /** Much longer than {@link #SHORT} and {@link #MOMENT_MILLIS}. */
  private static final long LATER_MILLIS = 1_000;

  private static final Digest LAYER = BytesBlob.digestOf(new byte[] {1});
  private static final Digest OTHER = BytesBlob.digestOf(new byte[] {2});
  private static final Digest OF_SNAPSHOT = BytesBlob.digestOf(new byte[] {3});
  private static final Digest AHEAD = BytesBlob.digestOf(new byte[] {4});

  private static final SnapshotRecord PARENT = parent(7);

  @TempDir private Path temporary;

  private final List<LinuxPath> trash = new CopyOnWriteArrayList<>();
  private final Semaphore gate = new Semaphore(0);
  private final Semaphore made = new Semaphore(0);
  private final AtomicBoolean isDiskLow = new AtomicBoolean();
  private final AtomicInteger cancelled = new AtomicInteger();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private @Nullable Exception failure;
  private Path layer;
  private Root root;
  private LayerStore store;
  private IndexedLayers indexedLayers;
  private IndexPrefetch prefetcher;

  @BeforeEach
  void open() throws Exception {
    UnsyncedDisk disk = new UnsyncedDisk();
    root = Root.open(disk, temporary.resolve("root"));
    layer = Files.createDirectories(temporary.resolve("root/layers").resolve(LAYER.hex()));
    for (String file : List.of("tar", "index-" + OF_SNAPSHOT.hex())) {
      Files.createFile(layer.resolve(file));
    }
    store = LayerStore.open(disk, root, SyncWatch.alone());
    indexedLayers = new IndexedLayers(store, () -> true, trash::add);
    indexedLayers.add(1, new LayerForm.Indexed(LAYER, OF_SNAPSHOT));
    prefetcher = new IndexPrefetch(store, indexedLayers, this::make, isDiskLow::get, LONG);
  }

  @AfterEach
  void close() {
    gate.release(1_000);
    prefetcher.close();
    threads.shutdownNow();
    root.close();
  }

  private static SnapshotRecord parent(long id) {
    return new SnapshotRecord(
        id,
        Kind.COMMITTED,
        "snapshot " + id,
        "",
        SnapshotRecord.NO_PARENT,
        Map.of(),
        Instant.EPOCH,
        Instant.EPOCH,
        null,
        new LayerForm.Directory());
  }

  private Optional<Digest> make(
      SnapshotRecord parent, LayerStore.LayerRef ref, Cancellation cancellation)
      throws IOException {
    try (Cancellation.Registration _ = cancellation.onCancel(cancelled::incrementAndGet)) {
      gate.acquireUninterruptibly();
    }
    switch (failure) {
      case null -> {}
      case IOException e -> throw e;
      case RuntimeException e -> throw e;
      case Exception e -> throw new AssertionError(e);
    }
    Files.write(
        temporary.resolve("root/layers").resolve(ref.diffId().hex()).resolve(file(AHEAD)),
        new byte[0]);
    made.release();
    return Optional.of(AHEAD);
  }

  private static String file(Digest index) {
    return "index-" + index.hex();
  }

  private void awaitWithoutIndex() throws InterruptedException {
    while (Files.exists(layer.resolve(file(AHEAD)))) {
      Thread.sleep(1);
    }
    assertThat(layer.resolve(file(OF_SNAPSHOT))).exists();
  }

  private Optional<Digest> take(SnapshotRecord parent, Digest diffId) {
    try (Prefetcher<IndexPrefetch.Place, Digest>.Claim taken = prefetcher.claim(parent, diffId)) {
      return taken.value();
    }
  }

  private void assertWaits(Future<?> waiting) {
    assertThatThrownBy(() -> waiting.get(MOMENT_MILLIS, TimeUnit.MILLISECONDS))
        .isInstanceOf(TimeoutException.class);
  }

  @Test
  void whoAsksForTheSamePlaceWaitsAndGetsIt() throws Exception {
    prefetcher.begin(PARENT, LAYER);
    Future<Optional<Digest>> asked = threads.submit(() -> take(PARENT, LAYER));
    assertWaits(asked);
    gate.release();
    assertThat(asked.get()).contains(AHEAD);
  }

  @Test
  void whatWasAskedForStaysUntilItIsGivenBack() throws Exception {
    prefetcher = new IndexPrefetch(store, indexedLayers, this::make, isDiskLow::get, SHORT);
    prefetcher.begin(PARENT, LAYER);
    // Opens the gate after the index has been requested.
    Future<?> opened =
        threads.submit(
            () -> {
              Thread.sleep(LATER_MILLIS);
              gate.release();
              return null;
            });
    try (Prefetcher<IndexPrefetch.Place, Digest>.Claim taken = prefetcher.claim(PARENT, LAYER)) {
      opened.get();
      prefetcher.cancel(PARENT.name());
      prefetcher.begin(parent(8), OTHER);
      Thread.sleep(LATER_MILLIS);
      assertThat(taken.value()).contains(AHEAD);
      assertThat(layer.resolve(file(AHEAD))).exists();
    }
    awaitWithoutIndex();
  }

  @Test
  void whatASnapshotHasByThenStays() throws Exception {
    gate.release();
    prefetcher.begin(PARENT, LAYER);
    try (Prefetcher<IndexPrefetch.Place, Digest>.Claim _ = prefetcher.claim(PARENT, LAYER)) {
      indexedLayers.add(2, new LayerForm.Indexed(LAYER, AHEAD));
    }
    prefetcher.close();
    assertThat(TestEngine.names(layer))
        .containsExactlyInAnyOrder("tar", file(OF_SNAPSHOT), file(AHEAD));
  }

  @Test
  void anotherPlaceOrLayerGetsNothingAndItIsThereOnce() {
    gate.release();
    prefetcher.begin(PARENT, LAYER);
    assertThat(take(parent(8), LAYER)).isEmpty();
    assertThat(take(PARENT, OTHER)).isEmpty();
    assertThat(take(PARENT, LAYER)).contains(AHEAD);
    assertThat(take(PARENT, LAYER)).isEmpty();
  }

  @Test
  void whatNobodyAsksForIsTakenAwayAfterAWhile() throws Exception {
    prefetcher = new IndexPrefetch(store, indexedLayers, this::make, isDiskLow::get, SHORT);
    gate.release();
    prefetcher.begin(PARENT, LAYER);
    made.acquire();
    awaitWithoutIndex();
    assertThat(take(PARENT, LAYER)).isEmpty();
  }

  @Test
  void theNextOneTakesThePlaceOfOneThatNobodyHasAskedFor() throws Exception {
    gate.release();
    prefetcher.begin(PARENT, LAYER);
    made.acquire();
    prefetcher.cancel("somebody else's");
    while (Files.exists(layer.resolve(file(AHEAD)))) {
      prefetcher.begin(parent(8), OTHER);
      Thread.sleep(1);
    }
    assertThat(take(PARENT, LAYER)).isEmpty();
    assertThat(layer.resolve(file(OF_SNAPSHOT))).exists();
  }

  @Test
  void thereIsOneAtATime() throws Exception {
    prefetcher.begin(PARENT, LAYER);
    prefetcher.begin(parent(8), OTHER);
    gate.release(2);
    assertThat(take(parent(8), OTHER)).isEmpty();
    assertThat(take(PARENT, LAYER)).contains(AHEAD);
    assertThat(gate.availablePermits()).isEqualTo(1);
  }

  @Test
  void whoRemovesThePlaceWaitsUntilItIsMadeAndItGoes() throws Exception {
    prefetcher.begin(PARENT, LAYER);
    Future<?> removal = threads.submit(() -> prefetcher.cancel(PARENT.name()));
    prefetcher.cancel("another");
    assertWaits(removal);
    assertThat(cancelled.get()).isEqualTo(1);
    assertThat(take(PARENT, LAYER)).isEmpty();
    gate.release();
    removal.get();
    awaitWithoutIndex();
  }

  @Test
  void aLayerThatLosesItsSnapshotsMeanwhileGoesToo() throws Exception {
    prefetcher.begin(PARENT, LAYER);
    indexedLayers.remove(1);
    assertThat(layer).exists();
    gate.release();
    prefetcher.cancel(PARENT.name());
    prefetcher.close();
    assertThat(layer).doesNotExist();
    assertThat(trash).hasSize(1);
  }

  @Test
  void whatCannotBeMadeIsMadeByWhoAsks() {
    for (Exception each :
        List.of(
            new IOException("cannot read"),
            new SnapshotException.NotFound("parent"),
            new IllegalStateException("a bug"))) {
      failure = each;
      gate.release();
      prefetcher.begin(PARENT, LAYER);
      assertThat(take(PARENT, LAYER)).isEmpty();
    }
  }

  @Test
  void nothingIsMadeWhereRoomIsShort() {
    isDiskLow.set(true);
    prefetcher.begin(PARENT, LAYER);
    assertThat(take(PARENT, LAYER)).isEmpty();
  }

  @Test
  void nothingIsLeftWhenItIsClosed() throws Exception {
    gate.release();
    prefetcher.begin(PARENT, LAYER);
    prefetcher.close();
    assertThat(TestEngine.names(layer)).containsExactlyInAnyOrder("tar", file(OF_SNAPSHOT));
    prefetcher.begin(PARENT, LAYER);
    assertThat(take(PARENT, LAYER)).isEmpty();
  }
}
