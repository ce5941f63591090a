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

/**
 * Applies layers: a limited number concurrently, each with four threads and its own buffers so that
 * none blocks another, and further ones in the order of arrival. Threads and memory are kept for
 * the next layer and released when idle.
 */
public final class LayerPipeline implements AutoCloseable {

  static final int THREADS_EACH = 4;
  private static final int THREAD_IDLE_SECONDS = 10;

  /**
   * 8 MiB of uncompressed data; the blob takes another MiB and the decoder up to 9. Larger chunks
   * would leave the processor's cache before the next thread reads them.
   */
  private static final int CHUNK_BYTES = 1 << 20;

  private static final int CHUNKS_MAX = 8;

  private final int chunksMax;
  private final FairLimiter limiter;
  private final ApplyBuffers.Pool buffers;
  private final ThreadPoolExecutor threads;

  /**
   * @param appliesMax maximum concurrent applies, each with four threads besides the caller's
   * @param waitingMax maximum waiting applies
   */
  public LayerPipeline(int appliesMax, int waitingMax) {
    this(appliesMax, waitingMax, CHUNK_BYTES, CHUNKS_MAX, GzipEngine.best());
  }

  /**
   * @param chunkBytes how much one thread passes to another at once
   * @param chunksMax number of such chunks per apply, at least two
   * @param gzipEngine an available one
   */
  LayerPipeline(
      int appliesMax, int waitingMax, int chunkBytes, int chunksMax, GzipEngine gzipEngine) {
    this.chunksMax = chunksMax;
    this.limiter = new FairLimiter(appliesMax, waitingMax);
    this.buffers = new ApplyBuffers.Pool(gzipEngine, chunkBytes);
    int threadsMax = appliesMax * THREADS_EACH;
    // There are never more tasks than threads, counting threads that are about to become idle: the
    // queue only bridges that moment, and no task waits there for another one.
    this.threads =
        new ThreadPoolExecutor(
            threadsMax,
            threadsMax,
            THREAD_IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon().name("gatun-apply-", 1).factory());
    this.threads.allowCoreThreadTimeOut(true);
  }

  /** Like {@link #apply(LayerBlob, LayerConsumer, TarSink, Cancellation)}, without a sink. */
  public AppliedLayer apply(LayerBlob blob, LayerConsumer consumer, Cancellation cancellation)
      throws IOException {
    return apply(blob, consumer, TarSink.NOTHING, cancellation);
  }

  /**
   * Reads a layer to its end, whatever its compression, and passes its entries to a consumer and
   * the uncompressed layer to a sink. Blocks for its turn and while it reads; can be cancelled, but
   * not interrupted. When it returns or fails, no other thread uses the arguments any more.
   *
   * @throws InvalidLayerException if the layer is damaged, differs from its descriptor, or requests
   *     something that no layer may
   * @throws UnsupportedLayerException if another differ may support the layer
   * @throws ApplyCancelledException if it was cancelled
   * @throws ApplyFailedException if the blob, the consumer or the sink fails
   * @throws SnapshotException.ResourceExhausted if too many applies are waiting
   * @throws SnapshotException.Unavailable if the pipeline is closed
   */
  public AppliedLayer apply(
      LayerBlob blob, LayerConsumer consumer, TarSink sink, Cancellation cancellation)
      throws IOException {
    limiter.begin(cancellation);
    try {
      ApplyBuffers taken = buffers.take();
      try {
        return new LayerRun(blob, consumer, sink, taken, chunksMax).run(threads, cancellation);
      } finally {
        buffers.give(taken);
      }
    } finally {
      limiter.end();
    }
  }

  /** {@return the pool, for tests} */
  ThreadPoolExecutor threads() {
    return threads;
  }

  ApplyBuffers.Pool buffers() {
    return buffers;
  }

  FairLimiter limiter() {
    return limiter;
  }

  /** Refuses further applies, waits for the running ones, and frees everything. */
  @Override
  public void close() {
    limiter.close();
    threads.shutdown();
    buffers.close();
  }
}
