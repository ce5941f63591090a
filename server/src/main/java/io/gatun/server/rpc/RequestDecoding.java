package io.gatun.server.rpc;

import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.InputStream;

/**
 * Answers requests that protobuf cannot parse, for instance because a key is not UTF-8, with
 * INVALID_ARGUMENT.
 *
 * <p>grpc-java decodes messages before it calls a handler, and reports a failure there as UNKNOWN.
 * Here messages are decoded inside the listener, where the failure can be caught.
 */
public final class RequestDecoding implements ServerInterceptor {

  /**
   * Passes messages on undecoded. {@link ServerInterceptors#useInputStreamMessages} does the same
   * with a buffer around each, which costs more than half of a call's allocations.
   */
  private static final Marshaller<InputStream> AS_THEY_ARE =
      new Marshaller<>() {
        @Override
        public InputStream stream(InputStream message) {
          return message;
        }

        @Override
        public InputStream parse(InputStream message) {
          return message;
        }
      };

  public static ServerServiceDefinition guard(ServerServiceDefinition service) {
    return ServerInterceptors.intercept(
        ServerInterceptors.useMarshalledMessages(StrictMarshaller.only(service), AS_THEY_ARE),
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
                  "the request is not a valid protobuf message: " + cause.getMessage()),
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
