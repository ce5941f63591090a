package io.gatun.server.rpc;

import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Carries calls out; whatever goes wrong, also in getting there, ends as a status. */
final class RpcCall {

  private RpcCall() {}

  /**
   * Answers a call with one message.
   *
   * @param lane where it is worked on
   * @param call its name, for the log
   * @param onCancel done when the client has given up, besides what is always done then
   */
  static <T> void give(
      Consumer<Runnable> lane,
      String call,
      ServerCallStreamObserver<T> client,
      Runnable onCancel,
      Supplier<T> work) {
    run(
        lane,
        call,
        client,
        onCancel,
        () -> {
          T response = work.get();
          client.onNext(response);
          client.onCompleted();
        });
  }

  /**
   * Runs a call whose work answers by itself; whatever goes wrong, also in getting there, ends as a
   * status. What the client gives up while it waits is dropped at once, with its request.
   */
  static void run(
      Consumer<Runnable> lane,
      String call,
      ServerCallStreamObserver<?> client,
      Runnable onCancel,
      Runnable work) {
    PendingWork pending =
        new PendingWork(RequestBudget.CURRENT.get(), () -> attempt(call, client, work));
    // With a handler for it, answering a call that the client has given up is no error.
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

  // Errors are bugs that the client has to hear of; nothing is left behind that they could have
  // damaged.
  @SuppressWarnings("CatchingThrowable")
  private static void attempt(String call, ServerCallStreamObserver<?> client, Runnable work) {
    if (client.isCancelled()) {
      // Given up while it waited: nobody would learn of what it did.
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
