package io.gatun.server;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.engine.LayerUnpacker;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a made-up layer read again and again when nobody asks for anything, and nothing made of it.
 *
 * <p>The JVM first interprets what is done for each entry of a layer, and compiles it when it has
 * been done often. That would be while the first image is unpacked, of which it takes a tenth of
 * the processors, and that is the image for which a node waits after its start.
 */
final class WarmUp {

  private static final Logger LOG = LoggerFactory.getLogger(WarmUp.class);

  /**
   * So short that this thread reads each by itself, and in a few milliseconds, as a call may come
   * at any time; and so many that the optimising compiler has seen to what is called for each
   * entry.
   */
  private static final int LAYERS = 400;

  private static final int ENTRIES = 200;
  private static final int SMALL_BYTES_MAX = 1 << 9;
  private static final int LARGE_BYTES = 1 << 13;

  /** Without calls for as long, there is not another one just behind the last. */
  private static final long QUIET_MILLIS = 200;

  private static final long NEVER = -1;

  private final LayerUnpacker unpacker;
  private final CallsInFlight calls;

  /** How many calls had begun when it became quiet. */
  private long quietSince = NEVER;

  WarmUp(LayerUnpacker unpacker, CallsInFlight calls) {
    this.unpacker = unpacker;
    this.calls = calls;
  }

  /** Takes about a second, and longer by as long as there are calls. */
  void run() {
    long begin = System.nanoTime();
    int done = 0;
    try {
      byte[] layer = layer();
      while (done < LAYERS) {
        awaitQuiet();
        unpacker.warmUp(new MadeUpBlob(layer));
        done++;
      }
    } catch (SnapshotException e) {
      LOG.info("warming up ended early layers={} reason=\"{}\"", done, e.getMessage());
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
      if (begun.isPresent() && begun.getAsLong() == quietSince) {
        return;
      }
      quietSince = begun.orElse(NEVER);
      Thread.sleep(QUIET_MILLIS);
    }
  }

  private static byte[] layer() {
    ByteArrayOutputStream layer = new ByteArrayOutputStream();
    try {
      MadeUpLayer.write(0, ENTRIES, SMALL_BYTES_MAX, LARGE_BYTES, layer);
    } catch (IOException e) {
      throw new UncheckedIOException("memory does not fail", e);
    }
    return layer.toByteArray();
  }
}
