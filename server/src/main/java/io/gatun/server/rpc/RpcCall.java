package io.gatun.server.rpc;

import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Runs calls; any failure, also in dispatching, ends as a status. */
final class RpcCall {

  private RpcCall() {}

  /** As {@link #give(Consumer, String, StreamObserver, Runnable, Supplier)}. */
  static <T> void give(
      Consumer<Runnable> lane, String call, StreamObserver<T> client, Supplier<T> work) {
    give(lane, call, client, () -> {}, work);
  }

  /**
   * Answers a call with one message.
   *
   * @param lane the executor's lane for the call
   * @param call the name of the call, for the log
   * @param onCancel runs when the client cancels, after the pending work was dropped
   */
  static <T> void give(
      Consumer<Runnable> lane,
      String call,
      StreamObserver<T> client,
      Runnable onCancel,
      Supplier<T> work) {
    run(
        lane,
        call,
        (ServerCallStreamObserver<T>) client,
        onCancel,
        () -> {
          client.onNext(work.get());
          client.onCompleted();
        });
  }

  /**
   * Runs a call whose work sends its own answers. Work that the client cancels while it waits is
   * dropped at once, with its request.
   */
  static void run(
      Consumer<Runnable> lane,
      String call,
      ServerCallStreamObserver<?> client,
      Runnable onCancel,
      Runnable work) {
    PendingWork pending =
        new PendingWork(RequestBudget.CURRENT.get(), () -> attempt(call, client, work));
    // grpc-java throws on answers to a cancelled call unless there is a handler for cancellation.
    client.setOnCancelHandler(
        () -> {
          pending.drop();
          onCancel.run();
        });
    try {
      lane.accept(pending);
    } catch (RuntimeException e) {
      pending.drop();
      client.onError(GrpcStatuses.statusOf(call, e).asRuntimeException());
    }
  }

  /**
   * A request's work that waits for a thread. It either runs or is dropped; only then is the
   * request's memory released.
   */
  private static final class PendingWork implements Runnable {

    private final RequestBudget request;
    private final AtomicReference<Runnable> work;

    PendingWork(RequestBudget request, Runnable work) {
      this.request = request;
      this.work = new AtomicReference<>(work);
      request.hold();
    }

    @Override
    public void run() {
      Runnable taken = work.getAndSet(null);
      if (taken != null) {
        try {
          taken.run();
        } finally {
          request.release();
        }
      }
    }

    /** Drops the work if it has not begun. */
    void drop() {
      if (work.getAndSet(null) != null) {
        request.release();
      }
    }
  }

  // Errors are bugs, which the client must see; they cannot have damaged any shared state.
  @SuppressWarnings("CatchingThrowable")
  private static void attempt(String call, ServerCallStreamObserver<?> client, Runnable work) {
    if (client.isCancelled()) {
      // Cancelled while it waited: the client would not see the result.
      return;
    }
    try {
      work.run();
    } catch (CancellationException e) {
      client.onError(Status.CANCELLED.withDescription(e.getMessage()).asRuntimeException());
    } catch (Throwable e) {
      client.onError(GrpcStatuses.statusOf(call, e).asRuntimeException());
    }
  }
}
