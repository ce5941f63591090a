package io.gatun.server.content;

import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import io.gatun.proto.content.AbortRequest;
import io.gatun.proto.content.ContentGrpc;
import io.gatun.proto.content.Info;
import io.gatun.proto.content.InfoRequest;
import io.gatun.proto.content.InfoResponse;
import io.gatun.proto.content.ListContentRequest;
import io.gatun.proto.content.ListContentResponse;
import io.gatun.proto.content.ReadContentRequest;
import io.gatun.proto.content.ReadContentResponse;
import io.gatun.proto.content.UpdateRequest;
import io.gatun.proto.content.UpdateResponse;
import io.gatun.proto.content.WriteContentRequest;
import io.gatun.proto.content.WriteContentResponse;
import io.gatun.server.StandInIngests;
import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerTransportFilter;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A content store on a socket that answers like containerd's: each namespace sees its own blobs.
 */
public final class StandInContainerd implements AutoCloseable {

  private static final int PIECE_BYTES = 1 << 20;
  public static final Context.Key<String> NAMESPACE = Context.key("namespace");
  public static final Context.Key<String> LEASE = Context.key("lease");

  final AtomicInteger connections = new AtomicInteger();
  public final AtomicInteger infos = new AtomicInteger();
  public final AtomicInteger reads = new AtomicInteger();
  final StandInIngests ingests = new StandInIngests();
  final Map<String, String> labels = new ConcurrentHashMap<>();
  public volatile int breakOffAt = Integer.MAX_VALUE;

  /** The status with which adding labels fails. */
  volatile Status updateFailure = Status.OK;

  private final Map<String, byte[]> blobs = new ConcurrentHashMap<>();
  private final Map<String, Info> manifests = new ConcurrentHashMap<>();
  private final Map<String, CountDownLatch> asked = new ConcurrentHashMap<>();
  private final EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final Server server;

  public StandInContainerd(Path address) throws IOException {
    server =
        NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(address))
            .channelType(NioServerDomainSocketChannel.class)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .addService(new Service())
            .addService(ingests)
            .intercept(new Namespaces())
            .addTransportFilter(new Connections())
            .build()
            .start();
  }

  public void put(String namespace, String digest, byte[] content) {
    blobs.put(namespace + " " + digest, content);
  }

  /** Adds a manifest with these layers, in order. */
  public void putManifest(String namespace, String digest, String... layers) {
    Info.Builder manifest = Info.newBuilder().setDigest(digest);
    for (int i = 0; i < layers.length; i++) {
      manifest.putLabels(LayerOrder.LABEL + i, layers[i]);
    }
    manifests.put(namespace + " " + digest, manifest.build());
  }

  /** Waits until a client asks for a blob, in any namespace. */
  public void awaitAskedFor(String digest) throws InterruptedException {
    askedFor(digest).await();
  }

  private CountDownLatch askedFor(String digest) {
    return asked.computeIfAbsent(digest, _ -> new CountDownLatch(1));
  }

  private final class Service extends ContentGrpc.ContentImplBase {

    private byte[] blob(String digest) {
      byte[] blob = blobs.get(NAMESPACE.get() + " " + digest);
      if (blob == null) {
        throw Status.NOT_FOUND.withDescription("content " + digest).asRuntimeException();
      }
      return blob;
    }

    @Override
    public void info(InfoRequest request, StreamObserver<InfoResponse> client) {
      infos.incrementAndGet();
      askedFor(request.getDigest()).countDown();
      try {
        Info info =
            Info.newBuilder()
                .setDigest(request.getDigest())
                .setSize(blob(request.getDigest()).length)
                .putAllLabels(labels)
                .build();
        client.onNext(InfoResponse.newBuilder().setInfo(info).build());
        client.onCompleted();
      } catch (RuntimeException e) {
        client.onError(e);
      }
    }

    /** Lists only manifests, and so supports only one filter. */
    @Override
    public void list(ListContentRequest request, StreamObserver<ListContentResponse> client) {
      String prefix = NAMESPACE.get() + " ";
      ListContentResponse.Builder found = ListContentResponse.newBuilder();
      manifests.forEach(
          (key, manifest) -> {
            if (key.startsWith(prefix)) {
              found.addInfo(manifest);
            }
          });
      client.onNext(found.build());
      client.onCompleted();
    }

    @Override
    public void update(UpdateRequest request, StreamObserver<UpdateResponse> client) {
      if (!updateFailure.isOk()) {
        client.onError(updateFailure.asRuntimeException());
        return;
      }
      for (String path : request.getUpdateMask().getPathsList()) {
        String label = path.substring("labels.".length());
        labels.put(label, request.getInfo().getLabelsOrThrow(label));
      }
      client.onNext(UpdateResponse.getDefaultInstance());
      client.onCompleted();
    }

    @Override
    public StreamObserver<WriteContentRequest> write(StreamObserver<WriteContentResponse> client) {
      return ingests.write(client);
    }

    @Override
    public void abort(AbortRequest request, StreamObserver<Empty> client) {
      ingests.abort(request, client);
    }

    @Override
    public void read(ReadContentRequest request, StreamObserver<ReadContentResponse> client) {
      reads.incrementAndGet();
      byte[] blob = blob(request.getDigest());
      for (int at = 0; at < blob.length; at += PIECE_BYTES) {
        if (at >= breakOffAt) {
          client.onError(Status.NOT_FOUND.withDescription("it was deleted").asRuntimeException());
          return;
        }
        int length = Math.min(PIECE_BYTES, blob.length - at);
        client.onNext(
            ReadContentResponse.newBuilder()
                .setOffset(at)
                .setData(ByteString.copyFrom(blob, at, length))
                .build());
      }
      client.onCompleted();
    }
  }

  private final class Connections extends ServerTransportFilter {
    @Override
    public Attributes transportReady(Attributes attributes) {
      connections.incrementAndGet();
      return attributes;
    }
  }

  private static final class Namespaces implements ServerInterceptor {
    @Override
    public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
        ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
      String namespace = headers.get(CallNamespace.HEADER);
      return Contexts.interceptCall(
          Context.current()
              .withValue(NAMESPACE, String.valueOf(namespace))
              .withValue(LEASE, String.valueOf(headers.get(ContentIngest.LEASE))),
          call,
          headers,
          next);
    }
  }

  @Override
  public void close() {
    server.shutdownNow();
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
