package io.gatun.server;

import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/**
 * Answers requests that protobuf cannot read, such as one whose key is not UTF-8, with
 * INVALID_ARGUMENT.
 *
 * <p>grpc-java decodes before any handler is asked, and reports a failure there as UNKNOWN. Under
 * {@link ServerInterceptors#useInputStreamMessages} decoding happens inside the listener instead,
 * where it can be caught.
 */
final class RequestDecoding implements ServerInterceptor {

  static ServerServiceDefinition guard(ServerServiceDefinition service) {
    return ServerInterceptors.intercept(
        ServerInterceptors.useInputStreamMessages(KnownFields.only(service)),
        new RequestDecoding());
  }

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {

      private boolean refused;

      @Override
      public void onMessage(ReqT message) {
        try {
          super.onMessage(message);
        } catch (StatusRuntimeException e) {
          refused = true;
          Throwable cause = e.getCause() == null ? e : e.getCause();
          call.close(
              Status.INVALID_ARGUMENT.withDescription(
                  "the request is no valid protobuf message: " + cause.getMessage()),
              new Metadata());
        }
      }

      @Override
      public void onHalfClose() {
        if (!refused) {
          super.onHalfClose();
        }
      }
    };
  }
}
