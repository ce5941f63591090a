package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.codec.GzipEngine;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.LayerConsumer;
import io.gatun.snapshot.layer.tar.TarSink;
import java.io.IOException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Applies layers: so many at once, each with four threads and a workspace of its own, so that none
 * can hold up another; and others in the order in which they come. Threads and memory are kept for
 * the next layer, and given back when there is none.
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
   * @param gzipEngine which {@link GzipEngine#best} knows
   */
  public LayerPipeline(ApplyLimits limits, GzipEngine gzipEngine) {
    this.limits = limits;
    this.limiter = new FairLimiter(limits.appliesMax(), limits.waitingMax());
    this.applyBuffersPool = new ApplyBuffersPool(gzipEngine, limits.chunkBytes());
    int threadsMax = limits.appliesMax() * THREADS_EACH;
    AtomicInteger number = new AtomicInteger();
    // Never more tasks than threads, if those count that have just ended: the queue is for what
    // comes before their threads are back, and nothing waits in it for another task.
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
   * Reads a layer to its end, whatever its compression, and hands its entries to a consumer. Waits,
   * for its turn and while it reads, and cannot be interrupted but only cancelled; when it returns
   * or fails, no other thread uses the blob or the consumer any more.
   *
   * @throws InvalidLayerException if the layer is damaged, not what its descriptor says, or asks
   *     for what no layer may ask for
   * @throws UnsupportedLayerException if somebody else may be able to apply it
   * @throws ApplyCancelledException if it was cancelled
   * @throws ApplyFailedException if the blob or the consumer fails
   * @throws SnapshotException.ResourceExhausted if too many are waiting already
   * @throws SnapshotException.Unavailable if the applier is closed
   */
  public AppliedLayer apply(LayerBlob blob, LayerConsumer consumer, Cancellation cancellation)
      throws IOException {
    return apply(blob, consumer, TarSink.NOTHING, cancellation);
  }

  /**
   * As {@link #apply(LayerBlob, LayerConsumer, Cancellation)}, and hands the uncompressed layer to
   * a sink as well.
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

  /** {@return the pool, whose threads and tasks tests count} */
  ThreadPoolExecutor threads() {
    return threads;
  }

  ApplyBuffersPool workspaces() {
    return applyBuffersPool;
  }

  FairLimiter turns() {
    return limiter;
  }

  /** Refuses further applies, waits for those that go on, and gives everything back. */
  @Override
  public void close() {
    limiter.close();
    threads.shutdown();
    applyBuffersPool.close();
  }
}
