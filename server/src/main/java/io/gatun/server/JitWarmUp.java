package io.gatun.server;

import io.gatun.server.rpc.CallsInFlight;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a made-up layer read again and again when nobody asks for anything, and nothing made of it;
 * and in between has the daemon ask itself what containerd asks for a layer.
 *
 * <p>The JVM first interprets what is done for each entry of a layer and for each call, and
 * compiles it when it has been done often. That would be while the first images are unpacked, of
 * which it takes a tenth of the processors, and those are the images for which a node waits after
 * its start.
 */
final class JitWarmUp {

  private static final Logger LOG = LoggerFactory.getLogger(JitWarmUp.class);

  /**
   * So short that this thread reads each by itself, and in a few milliseconds, as a call may come
   * at any time; and so many that the optimising compiler has seen to what is called for each
   * entry.
   */
  private static final int LAYERS = 400;

  /** Calls have less in them that is done many times over. */
  private static final int LAYERS_PER_CALLS = 4;

  private static final int ENTRIES = 200;
  private static final int SMALL_BYTES_MAX = 1 << 9;
  private static final int LARGE_BYTES = 1 << 13;

  /** Without calls for as long, there is not another one just behind the last. */
  private static final long QUIET_MILLIS = 200;

  private static final long NEVER = -1;

  /** More than an answer needs that has been given to get to the end of its call. */
  private static final long ANSWER_SECONDS = 1;

  private final LayerUnpacker unpacker;
  private final CallsInFlight calls;
  private final LoopbackCalls own;

  /** How many calls of others had begun when it became quiet. */
  private long quietSince = NEVER;

  /**
   * @param calls all that are asked of the daemon
   * @param own those that it asks itself
   */
  JitWarmUp(LayerUnpacker unpacker, CallsInFlight calls, LoopbackCalls own) {
    this.unpacker = unpacker;
    this.calls = calls;
    this.own = own;
  }

  /** Takes two to three seconds, and longer by as long as there are calls of others. */
  void run() {
    long begin = System.nanoTime();
    int done = 0;
    try {
      byte[] layer = layer();
      while (done < LAYERS) {
        awaitQuiet();
        unpacker.warmUp(new SyntheticBlob(layer));
        if (done % LAYERS_PER_CALLS == 0) {
          own.ask();
          var _ = calls.awaitNone(ANSWER_SECONDS);
        }
        done++;
      }
    } catch (SnapshotException | StatusRuntimeException e) {
      LOG.info("warming up ended early layers={} error=\"{}\"", done, e.getMessage());
      return;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    } catch (RuntimeException e) {
      LOG.error("cannot warm up", e);
      return;
    }
    LOG.info(
        "warmed up layers={} millis={}",
        done,
        TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin));
  }

  private void awaitQuiet() throws InterruptedException {
    while (true) {
      OptionalLong begun = calls.begunIfNone();
      long others = begun.isPresent() ? begun.getAsLong() - own.count() : NEVER;
      if (others != NEVER && others == quietSince) {
        return;
      }
      quietSince = others;
      Thread.sleep(QUIET_MILLIS);
    }
  }

  private static byte[] layer() {
    ByteArrayOutputStream layer = new ByteArrayOutputStream();
    try {
      SyntheticLayer.write(0, ENTRIES, SMALL_BYTES_MAX, LARGE_BYTES, layer);
    } catch (IOException e) {
      throw new UncheckedIOException("memory does not fail", e);
    }
    return layer.toByteArray();
  }
}
