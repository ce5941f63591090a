package io.gatun.snapshot.durability;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class GroupSyncTest {

  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void stopThreads() {
    threads.shutdownNow();
  }

  @Test
  void whoComesWhileASyncRunsWaitsForTheNextOne() throws Exception {
    Semaphore mayEnd = new Semaphore(0);
    CountDownLatch started = new CountDownLatch(1);
    AtomicInteger runs = new AtomicInteger();
    GroupSync sync =
        new GroupSync(
            () -> {
              runs.incrementAndGet();
              started.countDown();
              mayEnd.acquireUninterruptibly();
            });
    Future<?> first = threads.submit(() -> await(sync));
    started.await();
    List<Future<?>> late = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      late.add(threads.submit(() -> await(sync)));
    }
    mayEnd.release();
    first.get();
    assertThat(late).noneMatch(Future::isDone);
    mayEnd.release(100);
    for (Future<?> each : late) {
      each.get();
    }
    assertThat(runs).hasValueBetween(2, 6);
  }

  @Test
  void nothingWrittenBeforeIsEverLeftOut() throws Exception {
    AtomicLong written = new AtomicLong();
    AtomicLong durable = new AtomicLong();
    AtomicInteger atOnce = new AtomicInteger();
    GroupSync sync =
        new GroupSync(
            () -> {
              assertThat(atOnce.incrementAndGet()).isEqualTo(1);
              long seen = written.get();
              LockSupport.parkNanos(1_000);
              durable.accumulateAndGet(seen, Math::max);
              atOnce.decrementAndGet();
            });
    List<Future<?>> work = new ArrayList<>();
    for (int thread = 0; thread < 8; thread++) {
      work.add(
          threads.submit(
              () -> {
                for (int i = 0; i < 5_000; i++) {
                  long mine = written.incrementAndGet();
                  await(sync);
                  assertThat(durable.get()).isGreaterThanOrEqualTo(mine);
                }
              }));
    }
    for (Future<?> each : work) {
      each.get();
    }
  }

  @Test
  void aSyncThatFailsConcernsAllWhoHadWrittenBefore() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    GroupSync sync =
        new GroupSync(
            () -> {
              if (runs.incrementAndGet() == 1) {
                throw new ErrnoException("fsync", Errno.EIO, LinuxPath.of("snapshots"));
              }
            });
    long before = sync.mark();
    assertThatThrownBy(() -> sync.await(sync.mark())).hasMessageContaining("EIO");
    // The caller's own sync succeeds, but its data is lost all the same.
    assertThatThrownBy(() -> sync.await(before)).hasMessageContaining("EIO");
    assertThat(runs).hasValue(2);
    sync.await(sync.mark());
  }

  private static void await(GroupSync sync) {
    try {
      sync.await(sync.mark());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
