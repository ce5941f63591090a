package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.concurrent.Outcomes;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.NextLayerHint;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Layers that are made before anybody asks for them. containerd asks for the layers of an image one
 * after the other, and between two of them, at the beginning and at the end of each, there is less
 * to do than there are processors.
 *
 * <p>Whoever asks for a layer, having shown that it may, waits until it is made. If that fails, it
 * has to make the layer itself, and is told then what is wrong with it.
 *
 * <p>There is one layer at a time for which nobody has asked, and none is begun while several are
 * asked for at once. One that nobody asks for is taken away again.
 *
 * <p>Safe for use by several threads.
 *
 * @param <T> what is made of a layer
 */
public final class LayerPrefetcher<T> implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(LayerPrefetcher.class);

  /** How long it takes containerd to ask for the next layer, at the most. */
  public static final Duration EXPECTED = Duration.ofSeconds(10);

  /**
   * How a layer is made before anybody asks for it.
   *
   * @param <T> what is made
   */
  public interface Work<T> {

    /** {@return whether the layer is there without being made ahead} */
    boolean exists(Digest blob);

    /** {@return the layer; nothing if it has to be made when it is asked for} */
    Optional<T> make(LayerBlob blob, Cancellation cancellation) throws IOException;

    /** Gives up a layer, and takes away what nobody has taken of it. */
    void release(T layer);
  }

  private final Work<T> work;
  private final BooleanSupplier isDiskLow;
  private final Duration expected;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** Blobs that are asked for, each with how many times. */
  private final Map<Digest, Integer> asked = new HashMap<>();

  /** What there is, or is coming to be. */
  private final Set<Task> all = new HashSet<>();

  /** By their blobs, from when these are known until nobody needs the layer any more. */
  private final Map<Digest, Task> known = new HashMap<>();

  private boolean isClosed;

  /**
   * @param isDiskLow whether there may be no room for more than what is asked for
   * @param expected how long a layer is kept for somebody who asks for it
   */
  public LayerPrefetcher(Work<T> work, BooleanSupplier isDiskLow, Duration expected) {
    this.work = work;
    this.isDiskLow = isDiskLow;
    this.expected = expected;
  }

  /** One layer, with a thread of its own as long as it is of use. */
  private final class Task implements Runnable {
    private final NextLayerHint source;
    private final Digest before;
    private final Cancellation cancellation = new Cancellation();
    private final Thread thread = Thread.ofPlatform().name("gatun-ahead").daemon().unstarted(this);

    /** Its own until it has ended. */
    private Optional<T> layer = Optional.empty();

    // Under the lock.
    private boolean isEnded;

    /** How many wait for it, or use it. */
    private int claims;

    /** Whether somebody has had it, and is done. */
    private boolean isTaken;

    /**
     * @param before the blob after which this one is expected
     */
    Task(NextLayerHint source, Digest before) {
      this.source = source;
      this.before = before;
    }

    private boolean isUnclaimed() {
      return claims == 0 && !isTaken;
    }

    @Override
    public void run() {
      try {
        make();
      } finally {
        end(this);
        awaitExpiry(this);
        try {
          layer.ifPresent(work::release);
        } finally {
          leave(this);
        }
      }
    }

    private void make() {
      try (LayerBlob opened = source.open().orElse(null)) {
        if (opened != null && enter(this, opened.digest())) {
          layer = work.make(opened, cancellation);
        }
      } catch (IOException | SnapshotException e) {
        // Whoever asks for it meets the same, and is told.
        log.debug("layer is not prefetched after={} error=\"{}\"", before, e.getMessage());
      } catch (RuntimeException e) {
        log.error("cannot prefetch a layer after={}", before, e);
      }
    }
  }

  /** Somebody who asks for a layer, until that is known to be theirs. */
  final class Claim implements AutoCloseable {
    private final Digest blob;
    private final @Nullable Task task;

    private Claim(Digest blob) {
      this.blob = blob;
      this.task = known.get(blob);
      asked.merge(blob, 1, Integer::sum);
      if (task != null) {
        task.claims++;
      }
    }

    private void await(Cancellation cancellation) throws ApplyCancelledException {
      while (task != null && !task.isEnded) {
        cancellation.check();
        changed.awaitUninterruptibly();
      }
    }

    private void end(boolean isDone) {
      asked.computeIfPresent(blob, (_, count) -> count == 1 ? null : count - 1);
      if (task != null) {
        task.claims--;
        task.isTaken |= isDone;
      }
      changed.signalAll();
    }

    /** {@return the layer, if it was made ahead} */
    Optional<T> layer() {
      return task == null ? Optional.empty() : task.layer;
    }

    @Override
    public void close() {
      lock.lock();
      try {
        end(true);
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * Asks for a layer: waits until it is there if it is being made ahead, and has the next one made
   * meanwhile. The caller closes what this returns when the layer is in use.
   *
   * @throws ApplyCancelledException if it was cancelled
   */
  Claim claim(Digest blob, NextLayerHint next, Cancellation cancellation)
      throws ApplyCancelledException {
    Cancellation.Registration registration = cancellation.onCancel(this::wake);
    lock.lock();
    try {
      Claim nameLock = new Claim(blob);
      boolean isThere = false;
      try {
        begin(next, blob);
        nameLock.await(cancellation);
        isThere = true;
      } finally {
        if (!isThere) {
          nameLock.end(false);
        }
      }
      return nameLock;
    } finally {
      lock.unlock();
      registration.close();
    }
  }

  private void begin(NextLayerHint next, Digest before) {
    boolean isWanted =
        !next.equals(NextLayerHint.UNKNOWN)
            && asked.size() == 1
            && all.stream().noneMatch(Task::isUnclaimed);
    if (isWanted && !isClosed && !isDiskLow.getAsBoolean()) {
      Task task = new Task(next, before);
      try {
        task.thread.start();
      } catch (OutOfMemoryError e) {
        // There is no thread to be had, and what was asked for is done without.
        log.warn("layer is not prefetched after={} error=\"{}\"", before, e.getMessage());
        return;
      }
      all.add(task);
    }
  }

  /** {@return whether a layer is to be made ahead; if so, that can be waited for from now on} */
  private boolean enter(Task task, Digest blob) {
    boolean isThere = work.exists(blob);
    lock.lock();
    try {
      boolean isWanted = !isThere && !isClosed && !asked.containsKey(blob);
      return isWanted && known.putIfAbsent(blob, task) == null;
    } finally {
      lock.unlock();
    }
  }

  private void end(Task task) {
    lock.lock();
    try {
      task.isEnded = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until nobody has the layer any more, or is to be expected to ask for it; forgets it. */
  private void awaitExpiry(Task task) {
    lock.lock();
    try {
      long left = task.layer.isPresent() ? expected.toNanos() : 0;
      while (task.claims > 0 || (task.isUnclaimed() && !isClosed && left > 0)) {
        // Whoever asks for it does so when the one before is done.
        boolean isEarly = task.claims > 0 || asked.containsKey(task.before);
        long rest = changed.awaitNanos(left);
        left = isEarly ? expected.toNanos() : rest;
      }
    } catch (InterruptedException e) {
      // Nobody does that to this thread.
      throw new IllegalStateException("interrupted", e);
    } finally {
      known.values().remove(task);
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

  private void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Stops what is being made, and takes away what nobody has asked for. */
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
