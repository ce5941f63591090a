package io.gatun.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotException;
import io.grpc.Status;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Work that gets no thread, for instance because of a limit of processes. */
@Timeout(60)
final class RpcExecutorTest {

  private static final int THREADS = 2;

  private final AtomicInteger threads = new AtomicInteger();

  private ThreadPoolExecutor lane(int threadsMax) {
    return new ThreadPoolExecutor(
        THREADS,
        THREADS,
        1,
        TimeUnit.SECONDS,
        new LinkedBlockingQueue<>(),
        work -> {
          if (threads.incrementAndGet() > threadsMax) {
            throw new OutOfMemoryError("unable to create native thread");
          }
          return new Thread(work);
        });
  }

  @Test
  void isDoneByTheThreadsThatThereAre() throws Exception {
    CountDownLatch done = new CountDownLatch(3);
    try (ThreadPoolExecutor lane = lane(1)) {
      for (int i = 0; i < 3; i++) {
        RpcExecutor.submit(lane, done::countDown);
      }
      done.await();
    }
    assertThat(threads).hasValue(3);
  }

  @Test
  void isRefusedIfThereAreNone() {
    try (ThreadPoolExecutor lane = lane(0)) {
      assertThatThrownBy(() -> RpcExecutor.submit(lane, () -> {}))
          .isInstanceOf(SnapshotException.ResourceExhausted.class)
          .hasMessageContaining("cannot start a thread");
    }
  }

  @Test
  void whatRunsOutOfThemOnItsWayIsNoBug() {
    assertThat(GrpcStatuses.statusOf("Apply", new OutOfMemoryError("unable to create thread")))
        .satisfies(
            status -> {
              assertThat(status.getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
              assertThat(status.getDescription()).contains("unable to create thread");
            });
  }
}
