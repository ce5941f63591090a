package io.gatun.server.rpc;

import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Counts the calls in flight, so that a stop can wait for them. Connections do not count, since
 * they stay open without calls, nor does a watch of the health service, which never ends.
 */
public final class CallsInFlight implements ServerInterceptor {

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition none = lock.newCondition();
  private int count;
  private long begun;

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    add(1);
    boolean hasBegun = false;
    try {
      ServerCall.Listener<ReqT> listener = next.startCall(call, headers);
      hasBegun = true;
      return new SimpleForwardingServerCallListener<>(listener) {

        // grpc calls one of these, once, and only after the status was handed to the connection.

        @Override
        public void onComplete() {
          add(-1);
          super.onComplete();
        }

        @Override
        public void onCancel() {
          add(-1);
          super.onCancel();
        }
      };
    } finally {
      if (!hasBegun) {
        add(-1);
      }
    }
  }

  /** {@return whether all calls ended within the time} */
  public boolean awaitNone(long seconds) {
    lock.lock();
    try {
      long nanosLeft = TimeUnit.SECONDS.toNanos(seconds);
      while (count > 0) {
        if (nanosLeft <= 0) {
          return false;
        }
        nanosLeft = none.awaitNanos(nanosLeft);
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }

  /** {@return the number of calls begun so far, or empty if any is in flight} */
  public OptionalLong begunIfNone() {
    lock.lock();
    try {
      return count == 0 ? OptionalLong.of(begun) : OptionalLong.empty();
    } finally {
      lock.unlock();
    }
  }

  private void add(int change) {
    lock.lock();
    try {
      count += change;
      begun += Math.max(0, change);
      if (count == 0) {
        none.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }
}
