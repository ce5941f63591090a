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
import java.util.concurrent.atomic.AtomicLong;

/**
 * Bounds the resources of requests: each has a {@link RequestBudget}, which ends its call when
 * memory runs out, and a limited time to arrive.
 */
public final class RequestLimits extends ServerStreamTracer.Factory implements ServerInterceptor {

  /** For a client to send its request, which it has in full when it begins. */
  static final long RECEIVE_SECONDS_MAX = 10;

  private final long bytesMax;
  private final AtomicLong takenBytes = new AtomicLong();
  private final Set<RequestBudget> receiving = ConcurrentHashMap.newKeySet();

  /**
   * @param bytesMax the memory that all requests in flight share
   */
  public RequestLimits(long bytesMax) {
    this.bytesMax = bytesMax;
  }

  long bytesMax() {
    return bytesMax;
  }

  long takenBytes() {
    return takenBytes.get();
  }

  /** {@return whether the bytes were available; if so, they are taken now} */
  boolean tryTake(long bytes) {
    if (takenBytes.addAndGet(bytes) <= bytesMax) {
      return true;
    }
    give(bytes);
    return false;
  }

  /** Takes bytes for a request that cannot be refused, even beyond the limit. */
  void take(long bytes) {
    takenBytes.addAndGet(bytes);
  }

  void give(long bytes) {
    takenBytes.addAndGet(-bytes);
  }

  /** Ends the time limit of a request that has arrived or ended. */
  void forget(RequestBudget request) {
    receiving.remove(request);
  }

  @Override
  public ServerStreamTracer newServerStreamTracer(String method, Metadata headers) {
    return new RequestBudget(this, method);
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
    ServerCall<ReqT, RespT> endedOnce =
        new SimpleForwardingServerCall<>(call) {
          @Override
          public void close(Status status, Metadata trailers) {
            if (request.end()) {
              super.close(status, trailers);
            }
          }
        };
    // Hides further events of an ended call from the handler.
    return new SimpleForwardingServerCallListener<>(next.startCall(endedOnce, headers)) {
      @Override
      public void onMessage(ReqT message) {
        if (request.isReceiving()) {
          super.onMessage(message);
        }
      }

      @Override
      public void onHalfClose() {
        forget(request);
        if (request.complete()) {
          super.onHalfClose();
        }
      }
    };
  }
}
