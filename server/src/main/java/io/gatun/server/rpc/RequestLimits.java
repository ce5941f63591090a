package io.gatun.server.rpc;

import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Bounds the resources of requests: each has a {@link RequestBudget}, which ends its call when
 * memory runs out, and a limited time to arrive.
 */
public final class RequestLimits extends ServerStreamTracer.Factory implements ServerInterceptor {

  /** For a client to send its request, which it has in full when it begins. */
  static final long RECEIVE_SECONDS_MAX = 10;

  private final RequestMemory memory;
  private final Set<RequestBudget> receiving = ConcurrentHashMap.newKeySet();

  public RequestLimits(RequestMemory memory) {
    this.memory = memory;
  }

  @Override
  public ServerStreamTracer newServerStreamTracer(String method, Metadata headers) {
    return new RequestBudget(memory, method);
  }

  /** Ends calls whose request takes too long to arrive; to be called periodically. */
  public void endStalled() {
    for (RequestBudget request : receiving) {
      request.expire(
          TimeUnit.SECONDS.toNanos(RECEIVE_SECONDS_MAX),
          Status.DEADLINE_EXCEEDED.withDescription(
              "the request was not complete after %d s".formatted(RECEIVE_SECONDS_MAX)));
    }
  }

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    RequestBudget request = RequestBudget.CURRENT.get();
    if (!request.begin(call)) {
      return new ServerCall.Listener<>() {};
    }
    receiving.add(request);
    return new LimitedListener<>(
        request,
        next.startCall(
            new SimpleForwardingServerCall<>(call) {

              @Override
              public void close(Status status, Metadata trailers) {
                if (request.end()) {
                  super.close(status, trailers);
                }
              }
            },
            headers));
  }

  /** Hides further events of an ended call from the handler. */
  private final class LimitedListener<ReqT> extends SimpleForwardingServerCallListener<ReqT> {

    private final RequestBudget request;

    LimitedListener(RequestBudget request, ServerCall.Listener<ReqT> listener) {
      super(listener);
      this.request = request;
    }

    @Override
    public void onMessage(ReqT message) {
      if (request.isReceiving()) {
        super.onMessage(message);
      }
    }

    @Override
    public void onHalfClose() {
      receiving.remove(request);
      if (request.complete()) {
        super.onHalfClose();
      }
    }

    @Override
    public void onComplete() {
      receiving.remove(request);
      super.onComplete();
    }

    @Override
    public void onCancel() {
      receiving.remove(request);
      super.onCancel();
    }
  }
}
