package io.gatun.snapshot.layer.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.codec.GzipEngine;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Concurrent and cancelled applies. */
@Timeout(60)
class ApplyTurnsTest {

  private static final byte[] TAR = SampleLayer.tar(500_000, 2);
  private static final byte[] GZIP = Compressed.gzip(TAR);

  private final ExecutorService callers = Executors.newCachedThreadPool();
  private final LayerPipeline pipeline = new LayerPipeline(2, 2, 10_000, 3, GzipEngine.best());

  @AfterEach
  void close() {
    callers.shutdownNow();
    pipeline.close();
  }

  /** An apply whose consumer waits at its first entry until it is released. */
  private final class Held implements LayerConsumer {
    final CountDownLatch hasBegun = new CountDownLatch(1);
    final CountDownLatch release = new CountDownLatch(1);
    final Cancellation cancellation = new Cancellation();
    final CompletableFuture<AppliedLayer> result;

    Held() {
      result = inBackground(this, cancellation);
    }

    @Override
    public void entry(LayerEntry entry, LayerContent content) {
      hasBegun.countDown();
      await(release);
    }
  }

  private CompletableFuture<AppliedLayer> inBackground(
      LayerConsumer consumer, Cancellation cancellation) {
    CompletableFuture<AppliedLayer> result = new CompletableFuture<>();
    callers.execute(
        () -> {
          try {
            result.complete(pipeline.apply(new BytesBlob(GZIP), consumer, cancellation));
          } catch (IOException | RuntimeException | Error e) {
            result.completeExceptionally(e);
          }
        });
    return result;
  }

  @Test
  void oneThatWaitsDoesNotHoldUpAnother() throws IOException {
    Held held = new Held();
    await(held.hasBegun);
    for (int i = 0; i < 5; i++) {
      assertThat(pipeline.apply(new BytesBlob(GZIP), new Collected(), new Cancellation()).diffId())
          .isEqualTo(BytesBlob.digestOf(TAR));
    }
    assertThat(held.result).isNotDone();
    held.release.countDown();
    assertThat(held.result.join().diffId()).isEqualTo(BytesBlob.digestOf(TAR));
    assertThat(pipeline.threads().getLargestPoolSize())
        .isLessThanOrEqualTo(2 * LayerPipeline.THREADS_EACH);
  }

  @Test
  void thoseBeyondTheLimitWaitInOrderAndThoseBeyondThatAreRefused() {
    List<Held> running = List.of(new Held(), new Held());
    running.forEach(held -> await(held.hasBegun));
    List<Integer> order = Collections.synchronizedList(new ArrayList<>());
    List<CompletableFuture<AppliedLayer>> waiting = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      int number = i;
      LayerConsumer consumer =
          (entry, content) -> {
            if (!order.contains(number)) {
              order.add(number);
              // Without the limit, the next one would be running by now.
              LayerPipelineTest.pause(50);
            }
          };
      waiting.add(inBackground(consumer, new Cancellation()));
      awaitWaiting(i + 1);
    }
    assertThatThrownBy(
            () -> pipeline.apply(new BytesBlob(GZIP), new Collected(), new Cancellation()))
        .isInstanceOf(SnapshotException.ResourceExhausted.class)
        .hasMessage("2 layers are being applied, and 2 waiting");
    running.get(0).release.countDown();
    waiting.forEach(CompletableFuture::join);
    assertThat(order).containsExactly(0, 1);
    assertThat(running.get(1).result).isNotDone();
    running.get(1).release.countDown();
    running.get(1).result.join();
  }

  @Test
  void oneThatWaitsForItsTurnCanBeCancelled() {
    List<Held> running = List.of(new Held(), new Held());
    running.forEach(held -> await(held.hasBegun));
    Cancellation cancellation = new Cancellation();
    CompletableFuture<AppliedLayer> first = inBackground(new Collected(), cancellation);
    awaitWaiting(1);
    CompletableFuture<AppliedLayer> second = inBackground(new Collected(), new Cancellation());
    awaitWaiting(2);
    cancellation.cancel();
    assertThatThrownBy(first::join).hasCauseInstanceOf(ApplyCancelledException.class);
    assertThat(pipeline.limiter().waiting()).isEqualTo(1);
    running.forEach(held -> held.release.countDown());
    assertThat(second.join().diffId()).isEqualTo(BytesBlob.digestOf(TAR));
  }

  @Test
  void closingWaitsForThoseThatGoOnAndRefusesTheOthers() {
    List<Held> running = List.of(new Held(), new Held());
    running.forEach(held -> await(held.hasBegun));
    CompletableFuture<AppliedLayer> waiting = inBackground(new Collected(), new Cancellation());
    awaitWaiting(1);
    CompletableFuture<Void> closing = CompletableFuture.runAsync(pipeline::close, callers);
    assertThatThrownBy(waiting::join).hasCauseInstanceOf(SnapshotException.Unavailable.class);
    assertThat(closing).isNotDone();
    running.forEach(held -> held.release.countDown());
    closing.join();
    running.forEach(held -> assertThat(held.result.join().entries()).isPositive());
    assertThat(pipeline.buffers().count()).isZero();
    assertThatThrownBy(
            () -> pipeline.apply(new BytesBlob(GZIP), new Collected(), new Cancellation()))
        .isInstanceOf(SnapshotException.Unavailable.class);
  }

  // Cancelling a running one.

  @Test
  void cancelledBeforeItBeginsNothingIsRead() {
    Cancellation cancellation = new Cancellation();
    cancellation.cancel();
    BytesBlob blob = new BytesBlob(GZIP);
    assertThatThrownBy(() -> pipeline.apply(blob, new Collected(), cancellation))
        .isInstanceOf(ApplyCancelledException.class);
    assertThat(blob.position()).isZero();
  }

  @Test
  void noEntryComesAfterCancelling() {
    for (byte[] blob : List.of(GZIP, Compressed.gzip(SampleLayer.tar(20_000, 3)))) {
      Cancellation cancellation = new Cancellation();
      AtomicInteger entries = new AtomicInteger();
      assertThatThrownBy(
              () ->
                  pipeline.apply(
                      new BytesBlob(blob),
                      (entry, content) -> {
                        if (entries.incrementAndGet() == 3) {
                          cancellation.cancel();
                          assertThatThrownBy(content::next).isInstanceOf(IOException.class);
                        }
                      },
                      cancellation))
          .isInstanceOf(ApplyCancelledException.class);
      assertThat(entries).hasValue(3);
    }
  }

  @Test
  void cancellingEndsReadOfSomebodyWhoDoesNotAnswer() {
    for (int at : new int[] {0, GZIP.length / 2, GZIP.length}) {
      Cancellation cancellation = new Cancellation();
      BytesBlob blob = new BytesBlob(GZIP).waitingAt(at);
      CompletableFuture<Void> cancelling =
          CompletableFuture.runAsync(
              () -> {
                while (blob.position() < at) {
                  Thread.onSpinWait();
                }
                cancellation.cancel();
              },
              callers);
      assertThatThrownBy(() -> pipeline.apply(blob, new Collected(), cancellation))
          .isInstanceOf(ApplyCancelledException.class);
      cancelling.join();
    }
  }

  @Test
  void cancelledAtAnyInstantItEndsAndLeavesNothing() throws IOException {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    int cancelled = 0;
    for (int i = 0; i < 150; i++) {
      Cancellation cancellation = new Cancellation();
      BytesBlob blob = new BytesBlob(GZIP, 1 + random.nextInt(2000));
      int at = random.nextInt(GZIP.length + 1);
      int spins = random.nextInt(20_000);
      CompletableFuture<Void> cancelling =
          CompletableFuture.runAsync(
              () -> {
                while (blob.position() < at) {
                  Thread.onSpinWait();
                }
                for (int spin = 0; spin < spins; spin++) {
                  Thread.onSpinWait();
                }
                cancellation.cancel();
              },
              callers);
      CollectedFiles files = new CollectedFiles();
      try {
        AppliedLayer applied = pipeline.apply(blob, files, cancellation);
        assertThat(applied.diffId()).as("seed %d", seed).isEqualTo(BytesBlob.digestOf(TAR));
      } catch (ApplyCancelledException e) {
        cancelled++;
      }
      cancelling.join();
      files.assertAllAreClosed();
    }
    assertThat(cancelled).as("seed %d", seed).isPositive();
    assertThat(pipeline.apply(new BytesBlob(GZIP), new Collected(), new Cancellation()).diffId())
        .isEqualTo(BytesBlob.digestOf(TAR));
    assertThat(pipeline.buffers().count()).isEqualTo(1);
    assertThat(pipeline.threads().getLargestPoolSize())
        .isLessThanOrEqualTo(2 * LayerPipeline.THREADS_EACH);
  }

  @Test
  void endedRegistrationsAreNotCalled() {
    Cancellation cancellation = new Cancellation();
    AtomicInteger calls = new AtomicInteger();
    Runnable action = calls::incrementAndGet;
    Cancellation.Registration ended = cancellation.onCancel(action);
    cancellation.onCancel(action);
    ended.close();
    cancellation.cancel();
    cancellation.cancel();
    assertThat(calls).hasValue(1);
    cancellation.onCancel(action);
    assertThat(calls).hasValue(2);
  }

  private void awaitWaiting(int count) {
    while (pipeline.limiter().waiting() < count) {
      LayerPipelineTest.pause(1);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
