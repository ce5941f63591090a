package io.gatun.snapshot.concurrent;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class KeyedLockTest {

  private static final int THREADS = 4;
  private static final int ROUNDS = 2_000;

  private final KeyedLock<String> locks = new KeyedLock<>();

  private Future<?> holding(ExecutorService threads, String key) {
    return threads.submit(() -> locks.hold(key).close());
  }

  @Test
  void whoHoldsOneKeepsNobodyFromAnother() throws Exception {
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      Future<?> same;
      try (var _ = locks.hold("a")) {
        holding(threads, "b").get();
        same = holding(threads, "a");
        assertThat(isDone(same)).isFalse();
      }
      same.get();
    }
    assertThat(locks.size()).isZero();
  }

  private static boolean isDone(Future<?> work) throws Exception {
    try {
      work.get(100, TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    }
  }

  @Test
  void oneAtATimeHoldsTheLockOfAKey() throws Exception {
    List<AtomicInteger> holders = List.of(new AtomicInteger(), new AtomicInteger());
    try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      List<Future<?>> all = new ArrayList<>();
      for (int thread = 0; thread < THREADS; thread++) {
        all.add(
            threads.submit(
                () -> {
                  for (int i = 0; i < ROUNDS; i++) {
                    AtomicInteger mine = holders.get(i % 2);
                    try (var _ = locks.hold("key " + i % 2)) {
                      assertThat(mine.incrementAndGet()).isEqualTo(1);
                      mine.decrementAndGet();
                    }
                  }
                }));
      }
      for (Future<?> each : all) {
        each.get();
      }
    }
    assertThat(locks.size()).isZero();
  }
}
