package io.gatun.snapshot.apply;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.gatun.snapshot.apply.codec.GzipEngine;
import io.gatun.snapshot.apply.codec.UnsupportedLayerException;
import io.gatun.snapshot.apply.layer.InvalidLayerException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * Goal: whatever a registry sends, an apply ends with a failure of the layer, or with what other
 * decoders and a reader without threads make of it; soon, and within a bounded amount of memory.
 * Method: layers that were damaged in their tar, in their compression, or in both.
 *
 * <p>{@code -Dgatun.apply.cases=N} says how many, {@code -Dgatun.apply.seed=N} which is the first;
 * a failure names its seed.
 */
class HostileLayersTest {

  private static final int CASES = Integer.getInteger("gatun.apply.cases", 3000);
  private static final int SECONDS_MAX = 30;

  /** Many times a header at its longest, and much less than the daemon's heap. */
  private static final long ALLOCATED_BYTES_MAX = 16 << 20;

  private final ApplyLimits limits = new ApplyLimits(1, 0, 4096, 3);
  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor();

  private int applied;
  private int refused;

  @Test
  void hostileLayersAreRefusedOrAppliedAsTheyAre() throws IOException {
    long seed = Long.getLong("gatun.apply.seed", new Random().nextLong());
    try (LayerApplier isal = new LayerApplier(limits, GzipEngine.ISAL);
        LayerApplier jdk = new LayerApplier(limits, GzipEngine.JDK)) {
      for (int i = 0; i < CASES; i++) {
        try {
          apply(i % 2 == 0 ? isal : jdk, new HostileLayer(seed + i), i % 4 < 2);
        } catch (IOException | RuntimeException | Error e) {
          throw new AssertionError("-Dgatun.apply.seed=" + (seed + i), e);
        }
      }
      for (LayerApplier applier : new LayerApplier[] {isal, jdk}) {
        assertThat(applier.workspaces().count()).isEqualTo(1);
        assertThat(applier.workspaces().idleChunks()).isLessThanOrEqualTo(limits.chunksMax());
        assertThat(applier.threads().getLargestPoolSize())
            .isLessThanOrEqualTo(LayerApplier.THREADS_EACH);
      }
    } finally {
      watch.shutdownNow();
    }
    System.out.printf("hostile layers: %d applied, %d refused, seed %d%n", applied, refused, seed);
    // Otherwise nothing but the one or the other would have been tested.
    assertThat(applied).isGreaterThan(CASES / 20);
    assertThat(refused).isGreaterThan(CASES / 5);
  }

  private void apply(LayerApplier applier, HostileLayer layer, boolean isHandedOver)
      throws IOException {
    Cancellation cancellation = new Cancellation();
    Future<?> tooLate = watch.schedule(cancellation::cancel, SECONDS_MAX, TimeUnit.SECONDS);
    Collected collected = new Collected();
    CollectedFiles files = new CollectedFiles();
    long allocated = threads.getCurrentThreadAllocatedBytes();
    try {
      AppliedLayer result =
          applier.apply(
              new BytesBlob(layer.blob(), 3000), isHandedOver ? files : collected, cancellation);
      byte[] decompressed = layer.decompressed();
      assertThat(result.diffId()).isEqualTo(BytesBlob.digestOf(decompressed));
      if (isHandedOver) {
        assertThat(files.items()).isEqualTo(CollectedFiles.expected(decompressed));
      } else {
        assertThat(collected.items()).isEqualTo(Collected.expected(decompressed));
      }
      applied++;
    } catch (InvalidLayerException | UnsupportedLayerException e) {
      assertThat(e).hasMessageFindingMatch("offset|goes on|window");
      refused++;
    } finally {
      tooLate.cancel(false);
      files.assertAllAreClosed();
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - allocated)
        .isLessThan(ALLOCATED_BYTES_MAX);
  }
}
