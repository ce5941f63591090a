package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Outcomes;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layerstore.LayerStore;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Indexes that are made before anybody asks for them, of layers that are there already: when
 * containerd has been told that one is there, it takes longer to ask for the next than that one's
 * index takes. Which one is next is a guess, and nothing is lost but the time if it is wrong.
 *
 * <p>There is one at a time. One that nobody asks for is taken away again.
 *
 * <p>Safe for use by several threads.
 */
public final class IndexPrefetcher implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(IndexPrefetcher.class);

  /** How long an index is kept for a request that may come. */
  static final Duration EXPECTED = Duration.ofSeconds(10);

  /** How an index is made before anybody asks for it. */
  @FunctionalInterface
  interface Work {

    /**
     * {@return the digest of the index, which is in the store; nothing if it has to be made when it
     * is asked for}
     *
     * @param parent on which the layer is
     * @param ref of the layer
     */
    Optional<Digest> make(SnapshotRecord parent, LayerStore.LayerRef ref, Cancellation cancellation)
        throws IOException;
  }

  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final Work work;
  private final BooleanSupplier isDiskLow;
  private final Duration expected;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** All that have not ended. */
  private final Set<Task> all = new HashSet<>();

  /** The last that was begun, until nobody needs it any more. */
  private @Nullable Task current;

  private boolean isClosed;

  /**
   * @param isDiskLow whether there may be no room for more than what is asked for
   * @param expected how long an index is kept for somebody who asks for it
   */
  public IndexPrefetcher(
      LayerStore layers,
      IndexedLayers indexedLayers,
      Work work,
      BooleanSupplier isDiskLow,
      Duration expected) {
    this.layers = layers;
    this.indexedLayers = indexedLayers;
    this.work = work;
    this.isDiskLow = isDiskLow;
    this.expected = expected;
  }

  /** One index, with a thread of its own as long as it is of use. */
  private final class Task implements Runnable {
    private final SnapshotRecord parent;
    private final LayerStore.LayerRef ref;
    private final Cancellation cancellation = new Cancellation();
    private final Thread thread =
        Thread.ofPlatform().name("gatun-index-ahead").daemon().unstarted(this);

    // Under the lock. Who has asked keeps it until it is given back.
    private Optional<Digest> index = Optional.empty();
    private boolean isMade;
    private boolean isClaimed;
    private boolean isGivenBack;
    private boolean isExpired;

    Task(SnapshotRecord parent, LayerStore.LayerRef ref) {
      this.parent = parent;
      this.ref = ref;
    }

    private boolean isClaimable() {
      return !isClaimed && !isExpired;
    }

    private boolean matches(long parentId, Digest diffId) {
      return parent.id() == parentId && ref.diffId().equals(diffId);
    }

    @Override
    public void run() {
      Optional<Digest> made = Optional.empty();
      try {
        made = work.make(parent, ref, cancellation);
      } catch (IOException | SnapshotException e) {
        // Whoever asks for it meets the same, and is told.
        log.debug("index is not prefetched diff_id={} error=\"{}\"", ref.diffId(), e.getMessage());
      } catch (RuntimeException e) {
        log.error("cannot prefetch an index diff_id={}", ref.diffId(), e);
      } finally {
        try {
          end(this, made);
          awaitExpiry(this);
        } finally {
          ref.close();
          // All of it, if it has no snapshot any more; and else an index that nobody needs.
          indexedLayers.collect(ref.diffId());
          leave(this);
        }
      }
    }
  }

  /** What somebody has asked for, and needs until this is closed. */
  final class Claim implements AutoCloseable {
    private final @Nullable Task task;

    private Claim(@Nullable Task task) {
      this.task = task;
    }

    /** {@return the digest of the index, if it was made ahead} */
    Optional<Digest> index() {
      return task == null ? Optional.empty() : task.index;
    }

    @Override
    public void close() {
      lock.lock();
      try {
        if (task != null) {
          task.isGivenBack = true;
          changed.signalAll();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** Has the index made of a layer on a snapshot that has just been committed. */
  void begin(SnapshotRecord parent, Digest diffId) {
    lock.lock();
    try {
      boolean isBusy = current != null && !current.isMade;
      if (isClosed || isBusy || isDiskLow.getAsBoolean()) {
        return;
      }
      Task task = start(parent, layers.acquire(diffId));
      all.add(task);
      if (current != null) {
        current.isExpired = true;
        changed.signalAll();
      }
      current = task;
    } catch (OutOfMemoryError e) {
      // There is no thread to be had, and what was asked for is done without.
      log.warn("index is not prefetched diff_id={} error=\"{}\"", diffId, e.getMessage());
    } finally {
      lock.unlock();
    }
  }

  private Task start(SnapshotRecord parent, LayerStore.LayerRef ref) {
    Task task = new Task(parent, ref);
    boolean isStarted = false;
    try {
      task.thread.start();
      isStarted = true;
      return task;
    } finally {
      if (!isStarted) {
        ref.close();
      }
    }
  }

  /** Asks for the index of a layer on a snapshot; waits until it is there if it is being made. */
  Claim claim(long parentId, Digest diffId) {
    lock.lock();
    try {
      Task task = current;
      if (task == null || !task.isClaimable() || !task.matches(parentId, diffId)) {
        return new Claim(null);
      }
      task.isClaimed = true;
      awaitEnd(task);
      return new Claim(task);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives up what is made for a place on a snapshot, which somebody wants to remove. Returns when
   * nobody is at it any more.
   */
  void cancelPrefetch(String name) {
    Task task = findOn(name);
    if (task != null) {
      task.cancellation.cancel();
      lock.lock();
      try {
        awaitEnd(task);
      } finally {
        lock.unlock();
      }
    }
  }

  private @Nullable Task findOn(String name) {
    lock.lock();
    try {
      if (current == null || current.isClaimed || !current.parent.name().equals(name)) {
        return null;
      }
      current.isExpired = true;
      changed.signalAll();
      return current;
    } finally {
      lock.unlock();
    }
  }

  private void awaitEnd(Task task) {
    while (!task.isMade) {
      changed.awaitUninterruptibly();
    }
  }

  private void end(Task task, Optional<Digest> made) {
    lock.lock();
    try {
      task.index = made;
      task.isMade = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private boolean isExpected(Task task, long nanosLeft) {
    return task.isClaimable() && !isClosed && nanosLeft > 0;
  }

  /** Waits until nobody has the index any more, or is to be expected to ask for it. */
  private void awaitExpiry(Task task) {
    lock.lock();
    try {
      long left = task.index.isPresent() ? expected.toNanos() : 0;
      while (isExpected(task, left)) {
        left = changed.awaitNanos(left);
      }
      while (task.isClaimed && !task.isGivenBack) {
        changed.awaitUninterruptibly();
      }
      if (task.equals(current)) {
        current = null;
      }
    } catch (InterruptedException e) {
      // Nobody does that to this thread.
      throw new IllegalStateException("interrupted", e);
    } finally {
      lock.unlock();
    }
  }

  private void leave(Task task) {
    lock.lock();
    try {
      all.remove(task);
    } finally {
      lock.unlock();
    }
  }

  /** Takes away what nobody has asked for. */
  @Override
  public void close() {
    List<Task> last;
    lock.lock();
    try {
      isClosed = true;
      last = List.copyOf(all);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    last.forEach(task -> task.cancellation.cancel());
    last.forEach(task -> Outcomes.join(task.thread));
  }
}
