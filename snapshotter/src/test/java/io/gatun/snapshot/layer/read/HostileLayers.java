package io.gatun.snapshot.layer.read;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.codec.GzipEngine;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Goal: for any input, an apply ends quickly and in bounded memory, either with a failure of the
 * layer or with the result of independent decoders and a single-threaded reader. Method: layers
 * with a damaged tar, damaged compressed data, or both, and some with an excess of one thing;
 * applied by a separate program, whose memory {@link HostileLayersTest} limits.
 *
 * <p>{@code -Dgatun.apply.cases=N} sets the number of cases, {@code -Dgatun.apply.seed=N} the first
 * seed; a failure names its seed.
 */
final class HostileLayers {

  static final String PROPERTIES = "gatun.apply.";

  private static final int CASES = Integer.getInteger(PROPERTIES + "cases", 2000);
  private static final int SECONDS_MAX = 30;
  private static final int SECONDS_MAX_OF_LARGE = 300;

  /** Many times a header at its longest, and much less than the daemon's heap. */
  private static final long ALLOCATED_BYTES_MAX = 16 << 20;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor();

  private int applied;
  private int large;
  private long allocatedBytesMax;
  private int refused;

  private HostileLayers() {}

  /** Fails if a result is wrong. */
  public static void main(String[] arguments) throws IOException {
    new HostileLayers().run();
  }

  private void run() throws IOException {
    long seed = Long.getLong(PROPERTIES + "seed", new Random().nextLong());
    try (LayerPipeline isal = new LayerPipeline(1, 0, 4096, 3, GzipEngine.ISAL);
        LayerPipeline jdk = new LayerPipeline(1, 0, 4096, 3, GzipEngine.JDK)) {
      loadClasses(isal);
      loadClasses(jdk);
      for (int i = 0; i < CASES; i++) {
        try {
          HostileLayer layer = layer(seed + i);
          LayerPipeline pipeline = layer.choice(2) == 0 ? isal : jdk;
          if (layer.isLarge()) {
            applyLarge(pipeline, layer);
          } else {
            apply(pipeline, layer);
          }
        } catch (IOException | RuntimeException | Error e) {
          throw new AssertionError("-Dgatun.apply.seed=" + (seed + i), e);
        }
      }
      for (LayerPipeline pipeline : new LayerPipeline[] {isal, jdk}) {
        assertThat(pipeline.buffers().count()).isEqualTo(1);
        assertThat(pipeline.buffers().idleChunks()).isLessThanOrEqualTo(3);
        assertThat(pipeline.threads().getLargestPoolSize())
            .isLessThanOrEqualTo(LayerPipeline.THREADS_EACH);
      }
    } finally {
      watch.shutdownNow();
    }
    System.out.printf(
        "hostile layers: %d and %d large applied, %d refused, seed %d%n",
        applied, large, refused, seed);
    // Otherwise only one of the two outcomes would be tested.
    assertThat(applied).isGreaterThan(CASES / 20);
    // In a short run there may be none.
    assertThat(large).isGreaterThanOrEqualTo(CASES / 10_000);
    assertThat(refused).isGreaterThan(CASES / 5);
  }

  /** Otherwise the memory for them would count for the first layer that needs them. */
  private static void loadClasses(LayerPipeline pipeline) throws IOException {
    byte[] tar = SampleLayer.tar(100_000, 1);
    for (byte[] blob : List.of(tar, Compressed.gzip(tar), Compressed.zstd(tar))) {
      for (LayerConsumer consumer : List.of(new Collected(), new CollectedFiles())) {
        var _ = pipeline.apply(new BytesBlob(blob), consumer, new Cancellation());
      }
    }
  }

  /** {@return a layer; announces a large one before it is created} */
  static HostileLayer layer(long seed) {
    if (HostileLayer.isLarge(seed)) {
      // A JVM that runs out of memory ends without another word.
      System.out.println("large layer, -D%sseed=%d".formatted(PROPERTIES, seed));
    }
    return new HostileLayer(seed);
  }

  private void apply(LayerPipeline pipeline, HostileLayer layer) throws IOException {
    Cancellation cancellation = new Cancellation();
    Future<?> tooLate = watch.schedule(cancellation::cancel, SECONDS_MAX, TimeUnit.SECONDS);
    boolean isHandedOver = layer.choice(2) == 0;
    Collected collected = new Collected();
    CollectedFiles files = new CollectedFiles();
    try {
      AppliedLayer result =
          applyWithinMemory(pipeline, layer, isHandedOver ? files : collected, cancellation);
      byte[] decompressed = layer.decompressed();
      assertThat(result.diffId()).isEqualTo(BytesBlob.digestOf(decompressed));
      if (isHandedOver) {
        assertThat(files.items()).isEqualTo(CollectedFiles.expected(decompressed));
      } else {
        assertThat(collected.items()).isEqualTo(Collected.expected(decompressed));
      }
      applied++;
    } catch (InvalidLayerException | UnsupportedLayerException e) {
      refuse(e);
    } finally {
      tooLate.cancel(false);
      files.assertAllAreClosed();
    }
    assertThat(allocatedBytesMax).isLessThan(ALLOCATED_BYTES_MAX);
  }

  private AppliedLayer applyWithinMemory(
      LayerPipeline pipeline, HostileLayer layer, LayerConsumer consumer, Cancellation cancellation)
      throws IOException {
    long allocated = threads.getCurrentThreadAllocatedBytes();
    try {
      return pipeline.apply(new BytesBlob(layer.blob(), 3000), consumer, cancellation);
    } finally {
      allocated = threads.getCurrentThreadAllocatedBytes() - allocated;
      allocatedBytesMax = Math.max(allocatedBytesMax, allocated);
    }
  }

  /** Its total allocation is meaningless; the heap limits its peak. */
  private void applyLarge(LayerPipeline pipeline, HostileLayer layer) throws IOException {
    Cancellation cancellation = new Cancellation();
    Future<?> tooLate =
        watch.schedule(cancellation::cancel, SECONDS_MAX_OF_LARGE, TimeUnit.SECONDS);
    CountedLayer counted = new CountedLayer();
    try {
      AppliedLayer result =
          pipeline.apply(new BytesBlob(layer.blob(), 3000), counted, cancellation);
      MessageDigest sha256 = Digest.sha256();
      try (InputStream tar = new DigestInputStream(layer.stream(), sha256)) {
        assertThat(counted.totals()).isEqualTo(CountedLayer.expected(tar));
        var _ = tar.transferTo(OutputStream.nullOutputStream());
      }
      assertThat(result.diffId()).isEqualTo(Digest.of(sha256));
      large++;
    } catch (InvalidLayerException | UnsupportedLayerException e) {
      refuse(e);
    } finally {
      tooLate.cancel(false);
    }
  }

  private void refuse(IOException e) {
    assertThat(e).hasMessageFindingMatch("offset|goes on|window");
    refused++;
  }
}
