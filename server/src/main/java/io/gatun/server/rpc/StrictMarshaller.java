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
 * Reads requests without the fields that this version does not know.
 *
 * <p>Nobody here passes a request on, so they would be of no use, and protobuf keeps each in
 * objects of some two hundred bytes, for four on the wire.
 */
final class StrictMarshaller<M> implements Marshaller<M> {

  private final Marshaller<M> whole;
  private final Parser<M> parser;

  private StrictMarshaller(Marshaller<M> whole, Parser<M> parser) {
    this.whole = whole;
    this.parser = parser;
  }

  /** {@return the same service, with requests read in this way} */
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

  // The parser of a message makes messages of the same class.
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

  /** Reading from a stream, protobuf would take a buffer that is many times larger than most. */
  private static byte[] bytes(InputStream stream) throws IOException {
    return stream instanceof KnownLength
        ? stream.readNBytes(stream.available())
        : stream.readAllBytes();
  }
}
