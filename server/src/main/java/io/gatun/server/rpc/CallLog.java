package io.gatun.server.rpc;

import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs the status and duration of each call. */
public final class CallLog implements ServerInterceptor {

  private static final Logger LOG = LoggerFactory.getLogger(CallLog.class);

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    if (!LOG.isDebugEnabled()) {
      return next.startCall(call, headers);
    }
    long startNanos = System.nanoTime();
    return next.startCall(
        new SimpleForwardingServerCall<>(call) {
          @Override
          public void close(Status status, Metadata trailers) {
            LOG.debug(
                "rpc method={} code={} duration_micros={} error=\"{}\"",
                call.getMethodDescriptor().getBareMethodName(),
                status.getCode(),
                TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - startNanos),
                status.getDescription() == null ? "" : status.getDescription());
            super.close(status, trailers);
          }
        },
        headers);
  }
}
