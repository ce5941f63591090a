package io.gatun.snapshot.lifecycle;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntPredicate;

/**
 * Makes the first, the second, the third attempt at something, and so on, several at a time.
 *
 * <p>An attempt waits much of its time for the kernel, so that another one can compute. Each thread
 * has a thread group of its own, and so have the threads that its attempts start. That is what
 * keeps {@link io.gatun.snapshot.fault.Machine#awaitQuiet} from waiting for the machines of others.
 */
final class Attempts {

  private static final int AT_A_TIME = 2;

  private final IntPredicate attempt;
  private final AtomicInteger begun = new AtomicInteger();

  /** The first attempt that found nothing to do. */
  private final AtomicInteger end = new AtomicInteger(Integer.MAX_VALUE);

  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  private Attempts(IntPredicate attempt) {
    this.attempt = attempt;
  }

  /**
   * Makes attempts until one finds nothing to do.
   *
   * @param attempt is told which one it is, counted from 1, and says whether there was something to
   *     do
   * @return how many attempts found something to do before the first that did not
   */
  static int count(IntPredicate attempt) {
    Attempts attempts = new Attempts(attempt);
    attempts.run();
    return attempts.end.get() - 1;
  }

  private void run() {
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < AT_A_TIME; i++) {
      ThreadGroup group = new ThreadGroup("attempts-" + i);
      threads.add(new Thread(group, this::makeSome, "attempts-" + i));
    }
    threads.forEach(Thread::start);
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException e) {
      // A test that takes too long. The attempts under way are finished, and no others begun.
      end.set(0);
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
    switch (failure.get()) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new AssertionError(e);
    }
  }

  private void makeSome() {
    try {
      while (failure.get() == null) {
        int nth = begun.incrementAndGet();
        if (nth >= end.get()) {
          return;
        }
        if (!attempt.test(nth)) {
          end.accumulateAndGet(nth, Math::min);
        }
      }
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
  }
}
