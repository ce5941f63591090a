package io.gatun.server.rpc;

import io.gatun.snapshot.SnapshotException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads on which requests may block, and the queues before them.
 *
 * <p>Platform threads, since a kernel call holds the carrier of a virtual thread until it returns.
 * There are five lanes, so that none can keep another waiting for ever:
 *
 * <ul>
 *   <li>requests in general; when the queue is full, a request is refused with RESOURCE_EXHAUSTED;
 *   <li>Remove, which is never refused, because containerd's garbage collection gives up altogether
 *       on any error but FAILED_PRECONDITION. Its queue has no bound of its own: the number of
 *       connections and of calls on each is bounded;
 *   <li>List, whose threads wait for clients that read slowly, and which clients use to call back;
 *   <li>Apply and Diff, which take seconds and memory, so that only few are worked on at a time, in
 *       the order in which they came;
 *   <li>conversions, one at a time, for which nobody else is to wait.
 * </ul>
 */
public final class RpcExecutor implements AutoCloseable {

  /** Removals share their syncs, which takes a few at a time. */
  private static final int REMOVAL_THREADS = 4;

  /** A stream takes no time but the client's. */
  private static final int LIST_THREADS = 8;

  /**
   * How long a thread is kept without work: its stack takes more to keep than a new one to make.
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

  /** Runs work that may block, or refuses it. */
  void dispatch(Runnable work) {
    submit(requests, work);
  }

  /** Runs a removal, however long it has to wait. */
  void dispatchRemoval(Runnable work) {
    submit(removals, work);
  }

  /** Runs a stream, or refuses it. */
  void dispatchList(Runnable work) {
    submit(lists, work);
  }

  /** Runs the unpacking or the making of a layer, or refuses it. */
  void dispatchApply(Runnable work) {
    submit(applies, work);
  }

  /** Runs a conversion, or refuses it. */
  void dispatchConversion(Runnable work) {
    submit(conversions, work);
  }

  /** Ends the threads, after what is queued has been done. */
  @Override
  public void close() {
    requests.close();
    removals.close();
    lists.close();
    applies.close();
    conversions.close();
  }

  static void submit(ThreadPoolExecutor lane, Runnable work) {
    try {
      lane.execute(work);
    } catch (OutOfMemoryError e) {
      // There is no thread to be had: those that there are do it, if there are any.
      if (lane.getPoolSize() == 0 || !lane.getQueue().offer(work)) {
        throw new SnapshotException.ResourceExhausted(
            "no thread to be had (%s): raise the limit of processes (pids.max, TasksMax), or try again later"
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
            threads, threads, IDLE_SECONDS, TimeUnit.SECONDS, queue, threadFactory(name));
    lane.allowCoreThreadTimeOut(true);
    return lane;
  }

  private static ThreadFactory threadFactory(String name) {
    AtomicInteger last = new AtomicInteger();
    return work -> new Thread(work, "gatun-" + name + "-" + last.incrementAndGet());
  }
}
