package io.gatun.server.rpc;

import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;

/**
 * Counts the calls in flight, so that a stop can wait for them. Connections do not count, since
 * they stay open without calls, nor does a watch of the health service, which never ends.
 */
public final class CallsInFlight implements ServerInterceptor {

  private int count;
  private long begun;

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    begin();
    ServerCall.Listener<ReqT> listener;
    try {
      listener = next.startCall(call, headers);
    } catch (RuntimeException | Error e) {
      end();
      throw e;
    }
    return new SimpleForwardingServerCallListener<>(listener) {

      // grpc calls one of these, once, and only after the status was handed to the connection.

      @Override
      public void onComplete() {
        end();
        super.onComplete();
      }

      @Override
      public void onCancel() {
        end();
        super.onCancel();
      }
    };
  }

  private synchronized void begin() {
    count++;
    begun++;
  }

  private synchronized void end() {
    count--;
    notifyAll();
  }

  /** {@return whether all calls ended within the time} */
  public synchronized boolean awaitNone(long seconds) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    try {
      for (long left = end - System.nanoTime();
          count > 0 && left > 0;
          left = end - System.nanoTime()) {
        TimeUnit.NANOSECONDS.timedWait(this, left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return count == 0;
  }

  /** {@return the number of calls begun so far, or empty if any is in flight} */
  public synchronized OptionalLong begunIfNone() {
    return count == 0 ? OptionalLong.of(begun) : OptionalLong.empty();
  }
}
