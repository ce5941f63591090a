package io.gatun.server.rpc;

import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/**
 * Parses requests without unknown fields.
 *
 * <p>Requests are not forwarded, so unknown fields would be useless, and protobuf stores each field
 * of four bytes on the wire in objects of some two hundred bytes.
 */
final class StrictMarshaller<M> implements Marshaller<M> {

  private final Marshaller<M> whole;
  private final Parser<M> parser;

  private StrictMarshaller(Marshaller<M> whole, Parser<M> parser) {
    this.whole = whole;
    this.parser = parser;
  }

  static ServerServiceDefinition only(ServerServiceDefinition service) {
    ServerServiceDefinition.Builder builder =
        ServerServiceDefinition.builder(service.getServiceDescriptor().getName());
    for (ServerMethodDefinition<?, ?> method : service.getMethods()) {
      builder.addMethod(only(method));
    }
    return builder.build();
  }

  private static <Q, R> ServerMethodDefinition<Q, R> only(ServerMethodDefinition<Q, R> method) {
    Marshaller<Q> whole = method.getMethodDescriptor().getRequestMarshaller();
    return ServerMethodDefinition.create(
        method.getMethodDescriptor().toBuilder().setRequestMarshaller(of(whole)).build(),
        method.getServerCallHandler());
  }

  // The parser of a message returns messages of the same class.
  @SuppressWarnings("unchecked")
  private static <M> Marshaller<M> of(Marshaller<M> whole) {
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
