package io.gatun.snapshot.unpack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.concurrent.Prefetcher;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.durability.TrustedIds;
import io.gatun.snapshot.engine.GatedBlob;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.TarWriteMode;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Layers that are prefetched before they are requested. */
@Timeout(60)
class LayerPrefetchTest {

  private static final Duration LONG = Duration.ofHours(1);
  private static final Duration SHORT = Duration.ofMillis(50);

  private static final InheritedAttributes TOP = InheritedAttributes.ofTop();

  private static final Digest FIRST = BytesBlob.digestOf(new byte[] {1});
  private static final Digest OTHER = BytesBlob.digestOf(new byte[] {2});
  private static final byte[] TAR =
      TarBuilder.pax().file("d/f", 0644, "content".repeat(1000)).finish();
  private static final byte[] GZIP = Compressed.gzip(TAR);
  private static final Digest DIFF_ID = BytesBlob.digestOf(TAR);
  private static final Digest BLOB = BytesBlob.digestOf(GZIP);

  @TempDir private Path temporary;

  private final AtomicBoolean isDiskLow = new AtomicBoolean();
  private final List<LinuxPath> trash = new CopyOnWriteArrayList<>();
  private final GatedBlob gated = new GatedBlob(GZIP);
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final LayerPipeline pipeline = new LayerPipeline(2, 0);
  private Root root;
  private LayerStore store;
  private IndexedLayers indexedLayers;
  private LayerPrefetch prefetcher;

  @BeforeEach
  void open() throws Exception {
    UnsyncedDisk disk = new UnsyncedDisk();
    root = Root.open(disk, temporary.resolve("root"));
    store = LayerStore.open(disk, root, SyncWatch.alone());
    indexedLayers = new IndexedLayers(store, () -> true, trash::add);
    prefetcher = ahead(LONG);
  }

  private LayerPrefetch ahead(Duration expected) {
    IndexedWriter indexing =
        new IndexedWriter(new UnsyncedDisk(), pipeline, new TarWriteMode(false, false));
    return new LayerPrefetch(
        new IndexedBackend(store, indexedLayers, indexing, syncing(), pipeline),
        isDiskLow::get,
        expected);
  }

  /** {@return the durability of a root that syncs layers on apply} */
  private Durability syncing() {
    TrustedIds ids =
        new TrustedIds() {
          @Override
          public long trustedFrom() {
            return 0;
          }

          @Override
          public long firstUnused() {
            return 1;
          }

          @Override
          public void distrustBelow(long end) {
            throw new AssertionError("nothing is synced here");
          }
        };
    return Durability.open(root, ids, SyncPolicy.COMMIT);
  }

  @AfterEach
  void close() {
    gated.open();
    prefetcher.close();
    threads.shutdownNow();
    pipeline.close();
    root.close();
  }

  private static NextLayerHint next(LayerBlob blob) {
    return () -> Optional.of(blob);
  }

  private static NextLayerHint next(byte[] blob) {
    return next(new BytesBlob(blob));
  }

  private Prefetcher<Digest, Prefetched>.Claim ask(Digest blob, NextLayerHint next)
      throws Exception {
    return prefetcher.claim(blob, next, new Cancellation());
  }

  private Optional<LayerIndex> index(
      Prefetcher<Digest, Prefetched>.Claim claim, IndexForm form, InheritedAttributes top)
      throws Exception {
    return tar(claim).index(store, form, top, LowerAttributes.NOTHING, false);
  }

  private static PrefetchedTar tar(Prefetcher<Digest, Prefetched>.Claim claim) {
    return (PrefetchedTar) claim.value().orElseThrow();
  }

  private Set<String> layers() {
    Path all = temporary.resolve("root/layers");
    return Files.exists(all) ? TestEngine.names(all) : Set.of();
  }

  private void awaitKnown() throws InterruptedException {
    while (store.diffIdOf(BLOB).isEmpty()) {
      Thread.sleep(1);
    }
  }

  private void awaitNoLayers() throws InterruptedException {
    while (!layers().isEmpty()) {
      Thread.sleep(1);
    }
  }

  @Test
  void theNextLayerIsKnownByItsBlobWhileTheOneBeforeItIsAskedFor() throws Exception {
    try (Prefetcher<Digest, Prefetched>.Claim _ = ask(FIRST, next(GZIP))) {
      awaitKnown();
      assertThat(store.diffIdOf(BLOB)).contains(DIFF_ID);
      assertThat(layers()).containsExactly(DIFF_ID.hex());
    }
  }

  @Test
  void whoAsksForALayerThatIsBeingMadeGetsItWhenItIsThere() throws Exception {
    ask(FIRST, next(gated)).close();
    gated.awaitBegun();
    Future<Optional<Digest>> asked =
        threads.submit(
            () -> {
              try (Prefetcher<Digest, Prefetched>.Claim _ = ask(BLOB, NextLayerHint.UNKNOWN)) {
                return store.diffIdOf(BLOB);
              }
            });
    assertThatThrownBy(() -> asked.get(50, TimeUnit.MILLISECONDS))
        .isInstanceOf(TimeoutException.class);
    gated.open();
    assertThat(asked.get()).contains(DIFF_ID);
  }

  @Test
  void aLayerThatSomebodyHasStays() throws Exception {
    ask(FIRST, next(GZIP)).close();
    awaitKnown();
    try (Prefetcher<Digest, Prefetched>.Claim claim = ask(BLOB, NextLayerHint.UNKNOWN)) {
      Digest index = index(claim, IndexForm.OVERLAY, TOP).orElseThrow().digest();
      indexedLayers.add(1, new LayerForm.Indexed(DIFF_ID, index));
    }
    prefetcher.close();
    assertThat(layers()).containsExactly(DIFF_ID.hex());
    assertThat(store.indexes(DIFF_ID)).hasSize(1);
  }

  @Test
  void aLayerStaysUntilAllAreDoneThatHaveAskedForIt() throws Exception {
    ask(FIRST, next(GZIP)).close();
    awaitKnown();
    try (Prefetcher<Digest, Prefetched>.Claim _ = ask(BLOB, NextLayerHint.UNKNOWN)) {
      Prefetcher<Digest, Prefetched>.Claim first = ask(BLOB, NextLayerHint.UNKNOWN);
      PrefetchedTar layer = tar(first);
      assertThat(layer.use().diffId()).isEqualTo(DIFF_ID);
      Digest index = index(first, IndexForm.OVERLAY, TOP).orElseThrow().digest();
      first.close();
      Thread.sleep(SHORT.toMillis());
      assertThat(store.contains(DIFF_ID, index)).isTrue();
    }
    awaitNoLayers();
  }

  @Test
  void theIndexIsMadeOnceForAPlaceOnTopOfOthers() throws Exception {
    InheritedAttributes top = new InheritedAttributes(0700, 1, 2, new Timespec(3, 4), Map.of());
    ask(FIRST, next(GZIP)).close();
    awaitKnown();
    try (Prefetcher<Digest, Prefetched>.Claim claim = ask(BLOB, NextLayerHint.UNKNOWN)) {
      assertThat(store.indexes(DIFF_ID)).isEmpty();
      Digest index = index(claim, IndexForm.OVERLAY, top).orElseThrow().digest();
      assertThat(store.indexes(DIFF_ID)).containsExactly(index);
      assertThat(index(claim, IndexForm.OVERLAY, top)).isEmpty();
    }
  }

  @Test
  void theIndexOfABaseIsMadeOfTheTar() throws Exception {
    ask(FIRST, next(GZIP)).close();
    awaitKnown();
    try (Prefetcher<Digest, Prefetched>.Claim claim = ask(BLOB, NextLayerHint.UNKNOWN)) {
      assertThat(index(claim, IndexForm.BASE, TOP)).isEmpty();
    }
  }

  @Test
  void aLayerThatNobodyAsksForIsTakenAway() throws Exception {
    prefetcher = ahead(SHORT);
    ask(FIRST, next(GZIP)).close();
    while (trash.isEmpty()) {
      Thread.sleep(1);
    }
    assertThat(layers()).isEmpty();
    assertThat(store.diffIdOf(BLOB)).isEmpty();
  }

  @Test
  void aLayerIsKeptAsLongAsTheOneBeforeItIsAskedFor() throws Exception {
    prefetcher = ahead(SHORT);
    try (Prefetcher<Digest, Prefetched>.Claim _ = ask(FIRST, next(GZIP))) {
      awaitKnown();
      Thread.sleep(3 * SHORT.toMillis());
      assertThat(layers()).hasSize(1);
    }
    awaitNoLayers();
  }

  @Test
  void ofALayerThatCannotBeReadNothingIsLeftAndWhoAsksForItReadsIt() throws Exception {
    byte[] damaged = GZIP.clone();
    damaged[damaged.length / 2] ^= 1;
    GatedBlob blob = new GatedBlob(damaged, BLOB);
    ask(FIRST, next(blob)).close();
    blob.awaitBegun();
    blob.open();
    try (Prefetcher<Digest, Prefetched>.Claim _ = ask(BLOB, NextLayerHint.UNKNOWN)) {
      assertThat(store.diffIdOf(BLOB)).isEmpty();
    }
    prefetcher.close();
    assertThat(layers()).isEmpty();
  }

  @Test
  void ofALayerThatSomebodyElseMayKnowNothingIsLeft() throws Exception {
    GatedBlob blob = new GatedBlob(Compressed.zstdWithWindow(TAR, 24));
    ask(FIRST, next(blob)).close();
    blob.awaitBegun();
    blob.open();
    try (Prefetcher<Digest, Prefetched>.Claim claim = ask(blob.digest(), NextLayerHint.UNKNOWN)) {
      assertThat(claim.value()).isEmpty();
    }
    prefetcher.close();
    assertThat(layers()).isEmpty();
  }

  @Test
  void aLayerOfWhichNothingIsKnownIsNoObstacle() throws Exception {
    CountDownLatch opened = new CountDownLatch(2);
    NextLayerHint unknown =
        () -> {
          opened.countDown();
          return Optional.empty();
        };
    NextLayerHint failing =
        () -> {
          opened.countDown();
          throw new IllegalStateException("as planned");
        };
    ask(FIRST, unknown).close();
    while (opened.getCount() == 2) {
      Thread.sleep(1);
    }
    while (opened.getCount() == 1) {
      ask(FIRST, failing).close();
    }
    while (store.diffIdOf(BLOB).isEmpty()) {
      ask(FIRST, next(GZIP)).close();
    }
  }

  @Test
  void oneLayerIsAheadAtATime() throws Exception {
    ask(FIRST, next(gated)).close();
    gated.awaitBegun();
    AtomicBoolean isAskedFor = new AtomicBoolean();
    NextLayerHint other =
        () -> {
          isAskedFor.set(true);
          return Optional.empty();
        };
    ask(FIRST, other).close();
    prefetcher.close();
    assertThat(isAskedFor).isFalse();
  }

  @Test
  void theLayerAfterOneThatIsPrefetchedIsBegunAsSoonAsThatIsAskedFor() throws Exception {
    ask(FIRST, next(gated)).close();
    gated.awaitBegun();
    CountDownLatch isAskedFor = new CountDownLatch(1);
    NextLayerHint other =
        () -> {
          isAskedFor.countDown();
          return Optional.empty();
        };
    Future<?> asked =
        threads.submit(
            () -> {
              ask(BLOB, other).close();
              return null;
            });
    isAskedFor.await();
    assertThat(asked.isDone()).isFalse();
    gated.open();
    asked.get();
  }

  @Test
  void nothingIsPrefetchedWhileSeveralLayersAreAskedForOrRoomIsShort() throws Exception {
    try (Prefetcher<Digest, Prefetched>.Claim _ = ask(FIRST, NextLayerHint.UNKNOWN)) {
      assertNotOpened(OTHER);
    }
    isDiskLow.set(true);
    assertNotOpened(FIRST);
    isDiskLow.set(false);
    ask(FIRST, next(GZIP)).close();
    awaitKnown();
  }

  private void assertNotOpened(Digest asked) throws Exception {
    AtomicBoolean isOpened = new AtomicBoolean();
    NextLayerHint next =
        () -> {
          isOpened.set(true);
          return Optional.empty();
        };
    ask(asked, next).close();
    assertThat(threadsAhead()).isZero();
    assertThat(isOpened).isFalse();
  }

  private static long threadsAhead() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("gatun-ahead"))
        .count();
  }

  /** Otherwise each cancelled apply would leave one more. */
  @Test
  void aLayerOfWhichTheAskerIsCancelledIsTheOneThatIsAhead() throws Exception {
    ask(FIRST, next(gated)).close();
    gated.awaitBegun();
    Cancellation cancelled = new Cancellation();
    cancelled.cancel();
    assertThatThrownBy(() -> prefetcher.claim(BLOB, NextLayerHint.UNKNOWN, cancelled))
        .isInstanceOf(ApplyCancelledException.class);
    ask(FIRST, next(GZIP)).close();
    assertThat(threadsAhead()).isEqualTo(1);
  }

  @Test
  void whatIsThereOrAskedForIsNotPrefetched() throws Exception {
    try (Prefetcher<Digest, Prefetched>.Claim _ = ask(BLOB, next(gated))) {
      gated.awaitClosed();
    }
    while (store.diffIdOf(BLOB).isEmpty()) {
      ask(FIRST, next(GZIP)).close();
    }
    LayerPrefetch later = ahead(LONG);
    GatedBlob again = new GatedBlob(GZIP);
    later.claim(FIRST, next(again), new Cancellation()).close();
    again.awaitClosed();
    later.close();
    assertThat(gated.isBegun()).isFalse();
    assertThat(again.isBegun()).isFalse();
  }

  @Test
  void whoIsCancelledDoesNotWait() throws Exception {
    ask(FIRST, next(gated)).close();
    gated.awaitBegun();
    Cancellation cancellation = new Cancellation();
    Future<?> asked =
        threads.submit(() -> prefetcher.claim(BLOB, NextLayerHint.UNKNOWN, cancellation));
    cancellation.cancel();
    assertThatThrownBy(asked::get).hasCauseInstanceOf(ApplyCancelledException.class);
    gated.open();
    // It is still being read, because it may be requested again.
    try (Prefetcher<Digest, Prefetched>.Claim _ = ask(BLOB, NextLayerHint.UNKNOWN)) {
      assertThat(store.diffIdOf(BLOB)).contains(DIFF_ID);
    }
  }

  @Test
  void closingStopsWhatIsReadAndTakesAwayWhatIsThere() throws Exception {
    ask(FIRST, next(gated)).close();
    gated.awaitBegun();
    prefetcher.close();
    assertThat(layers()).isEmpty();
    prefetcher = ahead(LONG);
    ask(FIRST, next(GZIP)).close();
    awaitKnown();
    prefetcher.close();
    assertThat(layers()).isEmpty();
    ask(FIRST, next(GZIP)).close();
    assertThat(layers()).isEmpty();
  }
}
