package io.gatun.snapshot.maintenance;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.layerstore.LayerStore;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Syncs indexed layers in the background, one at a time, after their commit was acknowledged, and
 * repairs those that a failed sync damaged.
 */
public final class BackgroundSync implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(BackgroundSync.class);

  /** Delay before the next attempt for a layer to which files were being added. */
  private static final long IN_USE_MILLIS = 1_000;

  /** Delay before the next attempt for a layer on which a system call failed. */
  private static final long FAILED_MILLIS = 5_000;

  /** How long {@link #close} goes on with waiting layers. */
  private static final Duration CLOSING = Duration.ofSeconds(10);

  private final IndexedLayers indexedLayers;
  private final Consumer<Digest> healing;
  private final long delayMillis;
  private final BooleanSupplier hasNoWritebackErrors;
  private final ScheduledThreadPoolExecutor thread;

  /** Layers that wait for their sync. */
  private final Set<Digest> waiting = new HashSet<>();

  /**
   * @param healing repairs a damaged layer
   * @param delay from the submission of a layer to its sync
   * @param hasNoWritebackErrors whether the kernel has completed all writeback without errors.
   *     fsync(2) reports a failed writeback, but not if the kernel has dropped the file from memory
   *     meanwhile.
   */
  public BackgroundSync(
      IndexedLayers indexedLayers,
      Consumer<Digest> healing,
      Duration delay,
      BooleanSupplier hasNoWritebackErrors) {
    this.indexedLayers = indexedLayers;
    this.healing = healing;
    this.delayMillis = delay.toMillis();
    this.hasNoWritebackErrors = hasNoWritebackErrors;
    this.thread = new ScheduledThreadPoolExecutor(1, task -> new Thread(task, "gatun-layer-sync"));
    thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  /** Schedules the sync of a layer. */
  public void submit(Digest diffId) {
    submit(diffId, delayMillis);
  }

  private synchronized void submit(Digest diffId, long delayMillis) {
    if (!thread.isShutdown() && waiting.add(diffId)) {
      var _ = thread.schedule(() -> sync(diffId), delayMillis, TimeUnit.MILLISECONDS);
    }
  }

  private synchronized void begin(Digest diffId) {
    waiting.remove(diffId);
  }

  private void sync(Digest diffId) {
    begin(diffId);
    try {
      if (!hasNoWritebackErrors.getAsBoolean()) {
        indexedLayers.markUnverified(diffId);
      }
      LayerStore.SyncOutcome settling = indexedLayers.syncLayer(diffId);
      if (settling == LayerStore.SyncOutcome.DAMAGED) {
        log.error("layer is not on the disk as it was written diff_id={}", diffId);
        healing.accept(diffId);
        settling = indexedLayers.syncLayer(diffId);
      }
      switch (settling) {
        case DONE -> {}
        case IN_USE -> submit(diffId, IN_USE_MILLIS);
        case DAMAGED ->
            log.error("layer is still damaged, the next start looks at it diff_id={}", diffId);
      }
    } catch (IOException e) {
      log.warn(
          "layer cannot be brought to the disk now, and is tried again diff_id={} error=\"{}\"",
          diffId,
          e.getMessage());
      submit(diffId, FAILED_MILLIS);
    } catch (RuntimeException e) {
      // The layer is still marked, and the next start verifies it.
      log.error("cannot bring a layer to the disk diff_id={}", diffId, e);
    }
  }

  /**
   * Finishes the current layer, and goes on with waiting layers for some seconds. The next start
   * has to read each layer that is left.
   */
  @Override
  public void close() {
    synchronized (this) {
      thread.shutdown();
    }
    thread.close();
    long begin = System.nanoTime();
    for (Digest diffId : allWaiting()) {
      if (System.nanoTime() - begin < CLOSING.toNanos()) {
        sync(diffId);
      }
    }
  }

  private synchronized List<Digest> allWaiting() {
    return List.copyOf(waiting);
  }
}
