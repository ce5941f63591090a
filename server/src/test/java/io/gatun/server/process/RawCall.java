package io.gatun.server.process;

import com.google.protobuf.ByteString;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.concurrent.TimeUnit;

/** Calls of the Snapshots service with arbitrary bytes as messages. */
final class RawCall {

  private static final long DEADLINE_SECONDS = 30;

  private RawCall() {}

  /** Makes a call, such as {@code Prepare}. */
  static void make(ManagedChannel channel, String method, byte[] message) {
    var _ =
        ClientCalls.blockingUnaryCall(
            channel,
            descriptor(method),
            CallOptions.DEFAULT.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS),
            message);
  }

  static MethodDescriptor<byte[], byte[]> descriptor(String method) {
    return MethodDescriptor.<byte[], byte[]>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName(
            MethodDescriptor.generateFullMethodName(SnapshotsGrpc.SERVICE_NAME, method))
        .setRequestMarshaller(new Bytes())
        .setResponseMarshaller(new Bytes())
        .build();
  }

  /** Passes bytes through. */
  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {

    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return ByteString.readFrom(stream).toByteArray();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
