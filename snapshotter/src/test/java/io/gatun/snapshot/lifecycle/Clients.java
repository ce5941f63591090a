package io.gatun.snapshot.lifecycle;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntConsumer;

/** Several clients at once, each in a thread of its own. */
final class Clients implements AutoCloseable {

  private final int count;
  private final CyclicBarrier start;
  private final ExecutorService threads;

  Clients(int count) {
    this.count = count;
    this.start = new CyclicBarrier(count);
    this.threads = Executors.newFixedThreadPool(count);
  }

  /** Has each client, which are numbered from 0, do something; all begin at the same time. */
  void each(IntConsumer work) {
    List<Future<?>> running = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int client = i;
      running.add(
          threads.submit(
              () -> {
                start.await();
                work.accept(client);
                return client;
              }));
    }
    AssertionError failure = null;
    for (Future<?> client : running) {
      try {
        client.get();
      } catch (ExecutionException e) {
        AssertionError another = new AssertionError(e.getMessage(), e.getCause());
        if (failure == null) {
          failure = another;
        } else {
          failure.addSuppressed(another);
        }
      } catch (InterruptedException e) {
        throw new IllegalStateException("nobody may interrupt a test", e);
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public void close() {
    threads.close();
  }
}
