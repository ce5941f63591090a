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
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes values before they are asked for, one unclaimed value at a time, each on a thread of its
 * own that lives as long as the value does:
 *
 * <pre>
 *              no claim                 claim                   last claim closed
 *   RUNNING -+----------&gt; READY -----------------&gt; CLAIMED -----------------------&gt; EXPIRED
 *            |                \                       ^                                ^
 *            |                 '-- too old, replaced, cancelled, closed ---------------+
 *            | claimed while it ran                   |                                |
 *            +----------------------------------------'                                |
 *            | nothing was made, or it was cancelled                                   |
 *            '-------------------------------------------------------------------------'
 * </pre>
 *
 * <p>A caller that claims a key whose value is being made waits for it. If the work fails, the
 * caller finds nothing, has to do the work itself, and meets the failure there. An expired value is
 * released.
 *
 * <p>Safe for use by several threads.
 *
 * @param <K> what a value is asked for by
 */
public final class Prefetcher<K, V> implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Prefetcher.class);

  /** How one value is made. The prefetcher calls all of it on the threads of its own. */
  public interface Work<K, V> {

    /**
     * {@return the value; nothing if it has to be made when it is asked for}
     *
     * @param isWanted to be asked as soon as the key is known, if the work began without one; the
     *     value can be claimed from then on
     */
    Optional<V> make(Predicate<K> isWanted);

    /** Has {@link #make} end soon. Any thread may call this, at any time. */
    void cancel();

    /** Gives up what was made, and whatever the work holds. Called once, at the end. */
    void release(Optional<V> made);
  }

  /** Which of two values stays that no one has claimed. */
  public enum Precedence {
    /** The one that is there: no other is begun. */
    FIRST,
    /** The next one: what is there expires. */
    LAST
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
  private final Precedence precedence;
  private final BooleanSupplier isRefused;
  private final Duration expected;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** The keys of open claims, each with their number. */
  private final Map<K, Integer> asked = new HashMap<>();

  /** All tasks whose threads have not ended. */
  private final Set<Task> all = new HashSet<>();

  /** What can be claimed. */
  private final Map<K, Task> known = new HashMap<>();

  private boolean isClosed;

  /**
   * @param isRefused whether nothing may be begun for the moment, as there may be no room for more
   *     than what is asked for
   * @param expected how long a value waits for a claim
   */
  public Prefetcher(
      String threadName, Precedence precedence, BooleanSupplier isRefused, Duration expected) {
    this.threadName = threadName;
    this.precedence = precedence;
    this.isRefused = isRefused;
    this.expected = expected;
  }

  private final class Task implements Runnable {
    private final Work<K, V> work;
    private final @Nullable K before;
    private final Thread thread = Thread.ofPlatform().name(threadName).daemon().unstarted(this);

    // Under the lock.
    private State state = State.RUNNING;
    private int claims;
    private Optional<V> made = Optional.empty();

    /**
     * @param before the key after which this value is expected to be asked for
     */
    Task(Work<K, V> work, @Nullable K before) {
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

    /** {@return the value, if it was made ahead} */
    public Optional<V> value() {
      return value;
    }

    /**
     * Says that the value is in use elsewhere, or not needed. What is still being made, since this
     * claim was given up, can be claimed again.
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
   * Begins work whose key is known. Its value can be claimed when this returns.
   *
   * @param work is called only if the work begins
   */
  public void begin(K key, Supplier<Work<K, V>> work) {
    try (var _ = hold()) {
      if (mayBegin() && !asked.containsKey(key) && !known.containsKey(key)) {
        begin(work, null).ifPresent(task -> known.put(key, task));
      }
    }
  }

  /** {@return a claim on a value, which is there if it was made, or is being made, ahead} */
  public Claim claim(K key) {
    return claim(key, Optional.empty(), () -> false);
  }

  /**
   * As {@link #claim(Object)}; has the next value made meanwhile, unless several are asked for.
   *
   * @param next whose key is not known yet
   * @param isGivenUp whether the caller does not wait any longer; see {@link #wake}
   */
  public Claim claim(K key, Optional<Supplier<Work<K, V>>> next, BooleanSupplier isGivenUp) {
    try (var _ = hold()) {
      Claim claim = new Claim(key);
      try {
        if (next.isPresent() && asked.size() == 1 && mayBegin()) {
          var _ = begin(next.get(), key);
        }
        claim.await(isGivenUp);
        return claim;
      } catch (RuntimeException | Error e) {
        claim.close();
        throw e;
      }
    }
  }

  /** Has callers that wait look whether they have given up. */
  public void wake() {
    try (var _ = hold()) {
      changed.signalAll();
    }
  }

  /** Gives up unclaimed values, and returns when none of them is being made any more. */
  public void cancel(Predicate<K> isMeant) {
    List<Task> cancelled;
    try (var _ = hold()) {
      cancelled =
          known.entrySet().stream()
              .filter(each -> isMeant.test(each.getKey()) && each.getValue().isUnclaimed())
              .map(Map.Entry::getValue)
              .toList();
      cancelled.forEach(this::withdraw);
    }
    cancelled.forEach(task -> task.work.cancel());
    try (var _ = hold()) {
      while (cancelled.stream().anyMatch(task -> task.state == State.RUNNING)) {
        changed.awaitUninterruptibly();
      }
    }
  }

  /** Stops what is being made, and waits until all values are released. */
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

  // Under the lock.

  private boolean mayBegin() {
    if (isClosed || all.stream().anyMatch(this::isInTheWay)) {
      return false;
    }
    return !isRefused.getAsBoolean();
  }

  private boolean isInTheWay(Task task) {
    return task.isUnclaimed() && (precedence == Precedence.FIRST || task.state == State.RUNNING);
  }

  private Optional<Task> begin(Supplier<Work<K, V>> work, @Nullable K before) {
    Task task = new Task(work.get(), before);
    try {
      task.thread.start();
    } catch (OutOfMemoryError e) {
      // There is no thread to be had, and the value is made when it is asked for.
      log.warn("cannot prefetch now thread={} error=\"{}\"", threadName, e.getMessage());
      task.work.release(Optional.empty());
      return Optional.empty();
    }
    all.stream().filter(Task::isUnclaimed).forEach(this::withdraw);
    all.add(task);
    return Optional.of(task);
  }

  /**
   * Has an unclaimed value expire, which cannot be claimed any more: at the latest when it ends.
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

  // What the threads of the tasks do.

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
        // A caller asks for this value when it is done with the one before.
        boolean isEarly = task.state == State.CLAIMED || asked.containsKey(task.before);
        long rest = changed.awaitNanos(left);
        left = isEarly ? expected.toNanos() : rest;
        if (task.state == State.READY && left <= 0) {
          expire(task);
        }
      }
    } catch (InterruptedException e) {
      // No other code knows this thread.
      throw new IllegalStateException("interrupted", e);
    }
  }

  private void leave(Task task) {
    try (var _ = hold()) {
      all.remove(task);
    }
  }
}
