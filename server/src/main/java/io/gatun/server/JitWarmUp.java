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
 * Compiles the hot paths of a pull before the first one: reads a synthetic layer repeatedly,
 * without storing it, and sends the daemon the calls that containerd makes for a layer. It does so
 * only while there are no other calls.
 *
 * <p>The JVM interprets code until it has run often enough to be compiled. Without this,
 * compilation takes a tenth of the CPU during the first pulls, for which a node waits after its
 * start.
 */
final class JitWarmUp {

  private static final Logger LOG = LoggerFactory.getLogger(JitWarmUp.class);

  /**
   * Small enough for one thread to read in a few milliseconds, as a call may come at any time;
   * repeated often enough for the optimising compiler to cover all code that runs per entry.
   */
  private static final int LAYERS = 400;

  /** Calls repeat less code than layers do. */
  private static final int LAYERS_PER_CALLS = 4;

  private static final int ENTRIES = 200;
  private static final int SMALL_BYTES_MAX = 1 << 9;
  private static final int LARGE_BYTES = 1 << 13;

  /** After this long without calls, no burst of calls is in progress. */
  private static final long QUIET_MILLIS = 200;

  private static final long NEVER = -1;

  /** More than a call needs to end after its answer was sent. */
  private static final long ANSWER_SECONDS = 1;

  private final LayerUnpacker unpacker;
  private final CallsInFlight calls;
  private final LoopbackCalls own;

  /** Number of other clients' calls begun when the daemon became quiet. */
  private long quietSince = NEVER;

  /**
   * @param calls all calls of the daemon, including its own
   * @param own the calls that the daemon sends itself
   */
  JitWarmUp(LayerUnpacker unpacker, CallsInFlight calls, LoopbackCalls own) {
    this.unpacker = unpacker;
    this.calls = calls;
    this.own = own;
  }

  /** Takes two to three seconds, not counting pauses for other clients' calls. */
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
