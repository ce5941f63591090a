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
 * Answers requests that protobuf cannot read, such as one whose key is not UTF-8, with
 * INVALID_ARGUMENT.
 *
 * <p>grpc-java decodes before any handler is asked, and reports a failure there as UNKNOWN. With
 * messages that are not decoded at that point, decoding happens inside the listener instead, where
 * it can be caught.
 */
public final class RequestDecoding implements ServerInterceptor {

  /**
   * Passes messages on as grpc-java has them. {@link ServerInterceptors#useInputStreamMessages}
   * does the same with a buffer around each, which costs more than half of what a call allocates.
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
