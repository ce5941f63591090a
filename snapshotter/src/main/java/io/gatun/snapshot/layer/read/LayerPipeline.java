package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.codec.GzipEngine;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarSink;
import java.io.IOException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Applies layers: a limited number concurrently, each with four threads and its own buffers so that
 * none blocks another, and further ones in the order of arrival. Threads and memory are kept for
 * the next layer and released when idle.
 */
public final class LayerPipeline implements AutoCloseable {

  static final int THREADS_EACH = 4;
  private static final int THREAD_IDLE_SECONDS = 10;

  private final ApplyLimits limits;
  private final FairLimiter limiter;
  private final ApplyBuffersPool applyBuffersPool;
  private final ThreadPoolExecutor threads;

  public LayerPipeline(ApplyLimits limits) {
    this(limits, GzipEngine.best());
  }

  /**
   * @param gzipEngine an available one
   */
  public LayerPipeline(ApplyLimits limits, GzipEngine gzipEngine) {
    this.limits = limits;
    this.limiter = new FairLimiter(limits.appliesMax(), limits.waitingMax());
    this.applyBuffersPool = new ApplyBuffersPool(gzipEngine, limits.chunkBytes());
    int threadsMax = limits.appliesMax() * THREADS_EACH;
    AtomicInteger number = new AtomicInteger();
    // There are never more tasks than threads, counting threads that are about to become idle: the
    // queue only bridges that moment, and no task waits there for another one.
    this.threads =
        new ThreadPoolExecutor(
            threadsMax,
            threadsMax,
            THREAD_IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task ->
                Thread.ofPlatform()
                    .daemon()
                    .name("gatun-apply-" + number.incrementAndGet())
                    .unstarted(task));
    this.threads.allowCoreThreadTimeOut(true);
  }

  /**
   * Reads a layer to its end, whatever its compression, and passes its entries to a consumer.
   * Blocks for its turn and while it reads; can be cancelled, but not interrupted. When it returns
   * or fails, no other thread uses the blob or the consumer any more.
   *
   * @throws InvalidLayerException if the layer is damaged, differs from its descriptor, or requests
   *     something that no layer may
   * @throws UnsupportedLayerException if another differ may support the layer
   * @throws ApplyCancelledException if it was cancelled
   * @throws ApplyFailedException if the blob or the consumer fails
   * @throws SnapshotException.ResourceExhausted if too many applies are waiting
   * @throws SnapshotException.Unavailable if the pipeline is closed
   */
  public AppliedLayer apply(LayerBlob blob, LayerConsumer consumer, Cancellation cancellation)
      throws IOException {
    return apply(blob, consumer, TarSink.NOTHING, cancellation);
  }

  /**
   * Like {@link #apply(LayerBlob, LayerConsumer, Cancellation)}, and passes the uncompressed layer
   * to a sink as well.
   *
   * @throws ApplyFailedException if the blob, the consumer or the sink fails
   */
  public AppliedLayer apply(
      LayerBlob blob, LayerConsumer consumer, TarSink sink, Cancellation cancellation)
      throws IOException {
    limiter.begin(cancellation);
    try {
      ApplyBuffers applyBuffers = applyBuffersPool.take();
      try {
        return new LayerRun(blob, consumer, sink, cancellation, applyBuffers, limits.chunksMax())
            .run(threads);
      } finally {
        applyBuffersPool.give(applyBuffers);
      }
    } finally {
      limiter.end();
    }
  }

  /** {@return the pool, for tests} */
  ThreadPoolExecutor threads() {
    return threads;
  }

  ApplyBuffersPool workspaces() {
    return applyBuffersPool;
  }

  FairLimiter turns() {
    return limiter;
  }

  /** Refuses further applies, waits for the running ones, and frees everything. */
  @Override
  public void close() {
    limiter.close();
    threads.shutdown();
    applyBuffersPool.close();
  }
}
