package io.gatun.snapshot.concurrent;

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
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Computes values before they are requested. At most one value is unclaimed at a time. Each value
 * has its own thread, which lives as long as the value:
 *
 * <pre>
 *              no claim                 claim                   last claim closed
 *   RUNNING -+----------&gt; READY -----------------&gt; CLAIMED -----------------------&gt; EXPIRED
 *            |                \                       ^                                ^
 *            |                 '-- too old, closed -------------------------------------+
 *            | claimed while it ran                   |                                |
 *            +----------------------------------------'                                |
 *            | nothing was made                                                        |
 *            '-------------------------------------------------------------------------'
 * </pre>
 *
 * <p>A caller that claims a key waits while its value is computed. If the work fails, the claim is
 * empty; the caller does the work itself and gets the failure. An expired value is released.
 *
 * <p>Safe for use by several threads.
 *
 * @param <K> the key by which a value is requested
 */
public final class Prefetcher<K, V> implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Prefetcher.class);

  /**
   * Computes one value. {@link #make} and {@link #release} run on the value's thread; if that
   * thread cannot start, {@link #release} runs on the caller's.
   */
  public interface Work<K, V> {

    /**
     * {@return the value; nothing if it has to be computed on request}
     *
     * @param isWanted returns whether the value of a key is still wanted, and makes it available
     *     for claims; the work calls it as soon as the key is known
     */
    Optional<V> make(Predicate<K> isWanted);

    /** Makes {@link #make} return soon. Any thread may call this, at any time. */
    void cancel();

    /** Releases the value and all other resources of the work. Called once, at the end. */
    void release(Optional<V> made);
  }

  private enum State {
    /** The work is under way, claimed or not. */
    RUNNING,
    /** The value waits for a claim. */
    READY,
    /** The work has ended, and there are claims. */
    CLAIMED,
    /** The value is released. */
    EXPIRED
  }

  private final String threadName;
  private final BooleanSupplier isRefused;
  private final Duration expected;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** The keys of open claims, each with the number of its claims. */
  private final Map<K, Integer> asked = new HashMap<>();

  /** All tasks whose threads have not ended. */
  private final Set<Task> all = new HashSet<>();

  /** The tasks whose values can be claimed. */
  private final Map<K, Task> known = new HashMap<>();

  private boolean isClosed;

  /**
   * @param isRefused whether no work may begin for the moment, because there may be room only for
   *     requested values
   * @param expected how long a value waits for a claim
   */
  public Prefetcher(String threadName, BooleanSupplier isRefused, Duration expected) {
    this.threadName = threadName;
    this.isRefused = isRefused;
    this.expected = expected;
  }

  private final class Task implements Runnable {
    private final Work<K, V> work;
    private final K before;
    private final Thread thread = Thread.ofPlatform().name(threadName).daemon().unstarted(this);

    // Guarded by the lock.
    private State state = State.RUNNING;
    private int claims;
    private Optional<V> made = Optional.empty();

    /**
     * @param before the key that is requested before this value, as far as can be expected
     */
    Task(Work<K, V> work, K before) {
      this.work = work;
      this.before = before;
    }

    private boolean isUnclaimed() {
      return (state == State.RUNNING && claims == 0) || state == State.READY;
    }

    @Override
    public void run() {
      Optional<V> value = Optional.empty();
      try {
        value = work.make(key -> enter(key, this));
      } catch (RuntimeException e) {
        log.error("cannot prefetch thread={}", threadName, e);
      } finally {
        end(this, value);
        awaitExpiry(this);
        try {
          work.release(value);
        } finally {
          leave(this);
        }
      }
    }
  }

  /** A request for a value. The value stays until the last claim on it is closed. */
  public final class Claim implements AutoCloseable {
    private final K key;
    private final @Nullable Task task;
    private Optional<V> value = Optional.empty();

    private Claim(K key) {
      this.key = key;
      this.task = known.get(key);
      asked.merge(key, 1, Integer::sum);
      if (task != null) {
        task.claims++;
        if (task.state == State.READY) {
          task.state = State.CLAIMED;
        }
      }
    }

    private void await(BooleanSupplier isGivenUp) {
      if (task == null) {
        return;
      }
      while (task.state == State.RUNNING && !isGivenUp.getAsBoolean()) {
        changed.awaitUninterruptibly();
      }
      value = task.made;
    }

    /** {@return the value, if it was prefetched} */
    public Optional<V> value() {
      return value;
    }

    /**
     * Gives up the claim, because the value is in use elsewhere or not needed. A value that is
     * still being computed can be claimed again.
     */
    @Override
    public void close() {
      try (var _ = hold()) {
        asked.computeIfPresent(key, (_, count) -> count == 1 ? null : count - 1);
        if (task != null && --task.claims == 0 && task.state == State.CLAIMED) {
          expire(task);
        }
        changed.signalAll();
      }
    }
  }

  /**
   * {@return a claim, which has the value if it was prefetched} Waits for a value that is being
   * computed. Begins to prefetch the next value, unless other keys are claimed as well, or another
   * value is unclaimed.
   *
   * @param next the work for the next value
   * @param isGivenUp whether the caller stops waiting; see {@link #wake}
   */
  public Claim claim(K key, Optional<? extends Work<K, V>> next, BooleanSupplier isGivenUp) {
    try (var _ = hold()) {
      Claim claim = new Claim(key);
      try {
        if (next.isPresent() && asked.size() == 1 && mayBegin()) {
          begin(next.get(), key);
        }
        claim.await(isGivenUp);
        return claim;
      } catch (RuntimeException | Error e) {
        claim.close();
        throw e;
      }
    }
  }

  /** Makes waiting callers check whether they have given up. */
  public void wake() {
    try (var _ = hold()) {
      changed.signalAll();
    }
  }

  /** Cancels all work, and waits until all values are released. */
  @Override
  public void close() {
    List<Task> last;
    try (var _ = hold()) {
      isClosed = true;
      last = List.copyOf(all);
      last.stream().filter(Task::isUnclaimed).forEach(this::withdraw);
    }
    last.forEach(task -> task.work.cancel());
    last.forEach(task -> Outcomes.join(task.thread));
  }

  /** Holds the lock until it is closed. */
  private interface Hold extends AutoCloseable {
    @Override
    void close();
  }

  private Hold hold() {
    lock.lock();
    return lock::unlock;
  }

  // These methods run under the lock.

  private boolean mayBegin() {
    return !isClosed && all.stream().noneMatch(Task::isUnclaimed) && !isRefused.getAsBoolean();
  }

  private void begin(Work<K, V> work, K before) {
    Task task = new Task(work, before);
    try {
      task.thread.start();
      all.add(task);
    } catch (OutOfMemoryError e) {
      // No thread can be started, so the value is computed on request.
      log.warn("cannot prefetch now thread={} error=\"{}\"", threadName, e.getMessage());
      work.release(Optional.empty());
    }
  }

  /**
   * Makes an unclaimed value expire, at the latest when its work ends. It cannot be claimed any
   * more.
   */
  private void withdraw(Task task) {
    if (task.state == State.READY) {
      expire(task);
    } else {
      known.values().remove(task);
    }
  }

  private void expire(Task task) {
    task.state = State.EXPIRED;
    known.values().remove(task);
    changed.signalAll();
  }

  // These methods run on the tasks' threads.

  private boolean enter(K key, Task task) {
    try (var _ = hold()) {
      return !isClosed && !asked.containsKey(key) && known.putIfAbsent(key, task) == null;
    }
  }

  private void end(Task task, Optional<V> made) {
    try (var _ = hold()) {
      task.made = made;
      if (task.claims > 0) {
        task.state = State.CLAIMED;
      } else if (made.isPresent() && known.containsValue(task)) {
        task.state = State.READY;
      } else {
        expire(task);
      }
      changed.signalAll();
    }
  }

  private void awaitExpiry(Task task) {
    try (var _ = hold()) {
      long left = expected.toNanos();
      while (task.state != State.EXPIRED) {
        // A caller requests this value only after it has finished with the one before.
        boolean isEarly = task.state == State.CLAIMED || asked.containsKey(task.before);
        long rest = changed.awaitNanos(left);
        left = isEarly ? expected.toNanos() : rest;
        if (task.state == State.READY && left <= 0) {
          expire(task);
        }
      }
    } catch (InterruptedException e) {
      // No other code has a reference to this thread.
      throw new IllegalStateException("interrupted", e);
    }
  }

  private void leave(Task task) {
    try (var _ = hold()) {
      all.remove(task);
    }
  }
}
