package io.gatun.snapshot.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class NameLocksTest {

  private final NameLocks nameLocks = new NameLocks();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void stopThreads() {
    threads.shutdownNow();
  }

  @Test
  void exclusiveLockKeepsOthersOut() throws Exception {
    Future<?> second;
    try (var _ = nameLocks.lock(List.of("a"), "")) {
      second = threads.submit(() -> nameLocks.lock(List.of("b", "a"), "").close());
      assertStillWaiting(second);
    }
    second.get();
  }

  @Test
  void sharedLocksOfOneParentDoNotWait() throws Exception {
    try (var _ = nameLocks.lock(List.of("a"), "parent")) {
      threads.submit(() -> nameLocks.lock(List.of("b"), "parent").close()).get();
    }
  }

  @Test
  void parentIsNotChangedWhileAChildIsBeingMade() throws Exception {
    Future<?> change;
    try (var _ = nameLocks.lock(List.of("child"), "parent")) {
      change = threads.submit(() -> nameLocks.lock(List.of("parent"), "").close());
      assertStillWaiting(change);
    }
    change.get();
  }

  @Test
  void removalOfAParentInUseIsRefusedAtOnce() {
    try (var _ = nameLocks.lock(List.of("child"), "parent")) {
      assertThatThrownBy(() -> nameLocks.lockForRemoval("parent"))
          .isInstanceOf(SnapshotException.FailedPrecondition.class)
          .hasMessage("cannot remove snapshot parent now: another one is being made on top of it");
    }
    nameLocks.lockForRemoval("parent").close();
  }

  @Test
  void removalWaitsForARequestThatChangesTheRecord() throws Exception {
    Future<?> removal;
    try (var _ = nameLocks.lock(List.of("a"), "")) {
      removal = threads.submit(() -> nameLocks.lockForRemoval("a").close());
      assertStillWaiting(removal);
    }
    removal.get();
  }

  @Test
  void keyThatIsItsOwnParentIsClaimedOnce() {
    nameLocks.lock(List.of("a"), "a").close();
    nameLocks.lock(List.of("a", "a"), "").close();
    nameLocks.lockForRemoval("a").close();
  }

  @Test
  void manyThreadsNeverShareANameAndNeverBlockForEver() throws Exception {
    long seed = System.nanoTime();
    int names = 5;
    AtomicIntegerArray owners = new AtomicIntegerArray(names);
    List<Future<?>> work = new ArrayList<>();
    for (int thread = 0; thread < 8; thread++) {
      Random random = new Random(seed + thread);
      work.add(
          threads.submit(
              () -> {
                for (int i = 0; i < 20_000; i++) {
                  int one = random.nextInt(names);
                  int other = random.nextInt(names);
                  String shared = random.nextBoolean() ? "s" + random.nextInt(2) : "";
                  try (var _ = nameLocks.lock(List.of("n" + one, "n" + other), shared)) {
                    assertThat(owners.incrementAndGet(one)).as("seed %d", seed).isEqualTo(1);
                    owners.decrementAndGet(one);
                  }
                }
              }));
    }
    for (Future<?> each : work) {
      each.get(50, TimeUnit.SECONDS);
    }
  }

  private static void assertStillWaiting(Future<?> work) {
    CompletableFuture<Void> pause = new CompletableFuture<>();
    pause.completeOnTimeout(null, Duration.ofMillis(100).toMillis(), TimeUnit.MILLISECONDS).join();
    assertThat(work).isNotDone();
  }
}
