package io.gatun.server.rpc;

import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.KnownLength;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

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
        ServerInterceptors.useMarshalledMessages(strict(service), AS_THEY_ARE),
        new RequestDecoding());
  }

  static ServerServiceDefinition strict(ServerServiceDefinition service) {
    ServerServiceDefinition.Builder builder =
        ServerServiceDefinition.builder(service.getServiceDescriptor().getName());
    for (ServerMethodDefinition<?, ?> method : service.getMethods()) {
      builder.addMethod(strict(method));
    }
    return builder.build();
  }

  private static <Q, R> ServerMethodDefinition<Q, R> strict(ServerMethodDefinition<Q, R> method) {
    Marshaller<Q> whole = method.getMethodDescriptor().getRequestMarshaller();
    return ServerMethodDefinition.create(
        method.getMethodDescriptor().toBuilder()
            .setRequestMarshaller(StrictMarshaller.of(whole))
            .build(),
        method.getServerCallHandler());
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

  /**
   * Parses requests without unknown fields.
   *
   * <p>Requests are not forwarded, so unknown fields would be useless, and protobuf stores each
   * field of four bytes on the wire in objects of some two hundred bytes.
   */
  private static final class StrictMarshaller<M> implements Marshaller<M> {

    private final Marshaller<M> whole;
    private final Parser<M> parser;

    private StrictMarshaller(Marshaller<M> whole, Parser<M> parser) {
      this.whole = whole;
      this.parser = parser;
    }

    // The parser of a message returns messages of the same class.
    @SuppressWarnings("unchecked")
    static <M> Marshaller<M> of(Marshaller<M> whole) {
      if (whole instanceof PrototypeMarshaller<M> prototype
          && prototype.getMessagePrototype() instanceof Message message) {
        return new StrictMarshaller<>(
            whole, (Parser<M>) DiscardUnknownFieldsParser.wrap(message.getParserForType()));
      }
      throw new IllegalArgumentException("no protobuf messages: " + whole);
    }

    @Override
    public InputStream stream(M message) {
      return whole.stream(message);
    }

    @Override
    public M parse(InputStream stream) {
      try {
        return parser.parseFrom(bytes(stream));
      } catch (InvalidProtocolBufferException e) {
        throw Status.INVALID_ARGUMENT.withCause(e).asRuntimeException();
      } catch (IOException e) {
        throw new UncheckedIOException("messages are in memory", e);
      }
    }

    /**
     * If it read from a stream, protobuf would allocate a buffer many times larger than most
     * messages.
     */
    private static byte[] bytes(InputStream stream) throws IOException {
      return stream instanceof KnownLength
          ? stream.readNBytes(stream.available())
          : stream.readAllBytes();
    }
  }
}
