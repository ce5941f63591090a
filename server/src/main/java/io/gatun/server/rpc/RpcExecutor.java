package io.gatun.server.rpc;

import io.gatun.snapshot.SnapshotException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The threads on which requests may block, and their queues.
 *
 * <p>Platform threads, since a kernel call pins the carrier of a virtual thread. There are five
 * lanes, so that none can block another for ever:
 *
 * <ul>
 *   <li>most requests; when the queue is full, a request is refused with RESOURCE_EXHAUSTED;
 *   <li>Remove, which is never refused, because containerd's garbage collection gives up on any
 *       error but FAILED_PRECONDITION. Its queue is unbounded, but the number of connections and of
 *       calls on each is bounded;
 *   <li>List, whose threads wait for slow clients, and during which clients make further calls;
 *   <li>Apply and Diff, which take seconds and memory, so that only a few run at a time, in order
 *       of arrival;
 *   <li>conversions, one at a time, for which other requests must not wait.
 * </ul>
 */
public final class RpcExecutor implements AutoCloseable {

  /** Removals share their syncs, which takes several at a time. */
  private static final int REMOVAL_THREADS = 4;

  /** A stream mostly waits for its client. */
  private static final int LIST_THREADS = 8;

  /**
   * The time before an idle thread ends: keeping its stack costs more than starting a new thread.
   */
  private static final long IDLE_SECONDS = 5;

  private final ThreadPoolExecutor requests;
  private final ThreadPoolExecutor removals;
  private final ThreadPoolExecutor lists;
  private final ThreadPoolExecutor applies;
  private final ThreadPoolExecutor conversions;

  public RpcExecutor(int threads, int queueMax, int applyThreads, int applyQueueMax) {
    requests = lane("rpc", threads, new ArrayBlockingQueue<>(queueMax));
    removals = lane("remove", REMOVAL_THREADS, new LinkedBlockingQueue<>());
    lists = lane("list", LIST_THREADS, new ArrayBlockingQueue<>(queueMax));
    applies = lane("unpack", applyThreads, new ArrayBlockingQueue<>(applyQueueMax));
    conversions = lane("convert", 1, new ArrayBlockingQueue<>(applyQueueMax));
  }

  void dispatch(Runnable work) {
    submit(requests, work);
  }

  void dispatchRemoval(Runnable work) {
    submit(removals, work);
  }

  void dispatchList(Runnable work) {
    submit(lists, work);
  }

  void dispatchApply(Runnable work) {
    submit(applies, work);
  }

  void dispatchConversion(Runnable work) {
    submit(conversions, work);
  }

  /** Ends the threads after the queued work. */
  @Override
  public void close() {
    Stream.of(requests, removals, lists, applies, conversions).forEach(ThreadPoolExecutor::close);
  }

  static void submit(ThreadPoolExecutor lane, Runnable work) {
    try {
      lane.execute(work);
    } catch (OutOfMemoryError e) {
      // No new thread can start, so an existing one must take the work, if there is one.
      if (lane.getPoolSize() == 0 || !lane.getQueue().offer(work)) {
        throw new SnapshotException.ResourceExhausted(
            "cannot start a thread (%s): raise the limit of processes (pids.max, TasksMax), or try again later"
                .formatted(e.getMessage()),
            e);
      }
    } catch (RejectedExecutionException e) {
      if (lane.isShutdown()) {
        throw new SnapshotException.Unavailable("gatun is stopping", e);
      }
      throw new SnapshotException.ResourceExhausted(
          "%d requests are waiting already: try again later".formatted(lane.getQueue().size()), e);
    }
  }

  private static ThreadPoolExecutor lane(String name, int threads, BlockingQueue<Runnable> queue) {
    ThreadPoolExecutor lane =
        new ThreadPoolExecutor(
            threads,
            threads,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            queue,
            Thread.ofPlatform().name("gatun-" + name + "-", 1).factory());
    lane.allowCoreThreadTimeOut(true);
    return lane;
  }
}
