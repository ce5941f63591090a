package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.root.Io;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A walk by the threads of a pool. Each thread runs its newest task; an idle thread steals
 * another's oldest, which is likely to be a large subtree.
 */
public final class ParallelTreeWork implements TreeWork {

  private final ForkJoinPool pool;
  private final AtomicLong unfinished = new AtomicLong();
  private final CompletableFuture<@Nullable Void> finished = new CompletableFuture<>();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  public ParallelTreeWork(ForkJoinPool pool) {
    this.pool = pool;
  }

  /** {@return a thread pool for walks; its threads end after an idle time} */
  public static ForkJoinPool pool(String name, int threads) {
    return new ForkJoinPool(
        threads,
        pool -> {
          var thread = ForkJoinPool.defaultForkJoinWorkerThreadFactory.newThread(pool);
          thread.setName(name + "-" + thread.getPoolIndex());
          thread.setDaemon(true);
          return thread;
        },
        null,
        false);
  }

  @Override
  public void run(Io.Action first) throws ErrnoException {
    unfinished.incrementAndGet();
    // Run here: waking another thread for a single task does not pay.
    perform(first);
    // Also when interrupted: a half-copied tree is useless, and its descriptors are still in use.
    finished.join();
    rethrow(failure.get());
  }

  @Override
  public void fork(Io.Action task) {
    unfinished.incrementAndGet();
    ForkJoinTask<?> action = ForkJoinTask.adapt(() -> perform(task));
    if (Objects.equals(ForkJoinTask.getPool(), pool)) {
      action.fork();
    } else {
      pool.execute(action);
    }
  }

  private void perform(Io.Action task) {
    try {
      if (failure.get() == null) {
        task.run();
      }
    } catch (ErrnoException | RuntimeException | Error e) {
      failure.compareAndSet(null, e);
    } finally {
      if (unfinished.decrementAndGet() == 0) {
        finished.complete(null);
      }
    }
  }

  private static void rethrow(@Nullable Throwable failure) throws ErrnoException {
    switch (failure) {
      case null -> {}
      case ErrnoException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
  }
}
