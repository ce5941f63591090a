package io.gatun.training;

import io.gatun.proto.content.ContentGrpc;
import io.gatun.proto.content.Info;
import io.gatun.proto.content.InfoRequest;
import io.gatun.proto.content.InfoResponse;
import io.gatun.proto.content.ListContentRequest;
import io.gatun.proto.content.ListContentResponse;
import io.gatun.proto.types.Descriptor;
import io.gatun.server.SyntheticLayer;
import io.gatun.snapshot.Digest;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import java.io.IOException;
import java.io.OutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** Stands in for containerd: answers for its blobs, and stores them in containerd's layout. */
final class TrainingContent implements AutoCloseable {

  /** With the index of a layer, a label of a manifest. */
  private static final String LAYER_LABEL = "containerd.io/gc.ref.content.l.";

  private static final String MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

  // Layers have enough files for several threads to share the work.
  private static final int SMALL_BYTES_MAX = 12 << 10;
  private static final int LARGE_BYTES = 2 << 20;

  private final Path blobs;
  private final Map<String, Long> sizes = new ConcurrentHashMap<>();
  private final EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final Server server;
  private volatile Info image = Info.getDefaultInstance();

  TrainingContent(Path address, Path root) throws IOException {
    blobs = root.resolve("io.containerd.content.v1.content/blobs/sha256");
    Files.createDirectories(blobs);
    server =
        NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(address))
            .channelType(NioServerDomainSocketChannel.class)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .directExecutor()
            .addService(new Service())
            .build()
            .start();
  }

  /** {@return the descriptor of a new layer, which can be requested from now on} */
  Descriptor addLayer(int number, int files) throws IOException {
    Path written = Files.createTempFile(blobs, "layer", "");
    MessageDigest sha256 = Digest.sha256();
    try (OutputStream file = new DigestOutputStream(Files.newOutputStream(written), sha256)) {
      SyntheticLayer.write(number, files, SMALL_BYTES_MAX, LARGE_BYTES, file);
    }
    Digest digest = Digest.of(sha256);
    Path blob = Files.move(written, blobs.resolve(digest.hex()));
    long size = Files.size(blob);
    sizes.put(digest.text(), size);
    return Descriptor.newBuilder()
        .setMediaType(MEDIA_TYPE)
        .setDigest(digest.text())
        .setSize(size)
        .build();
  }

  /** Replaces the image with one of these layers, in order. */
  void addImage(List<Descriptor> layers) {
    Info.Builder manifest = Info.newBuilder().setDigest("sha256:" + "0".repeat(64));
    for (Descriptor layer : layers) {
      manifest.putLabels(LAYER_LABEL + manifest.getLabelsCount(), layer.getDigest());
    }
    image = manifest.build();
  }

  @Override
  public void close() {
    server.shutdownNow();
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  private final class Service extends ContentGrpc.ContentImplBase {

    @Override
    public void info(InfoRequest request, StreamObserver<InfoResponse> client) {
      Long size = sizes.get(request.getDigest());
      if (size == null) {
        client.onError(Status.NOT_FOUND.asRuntimeException());
        return;
      }
      client.onNext(
          InfoResponse.newBuilder()
              .setInfo(Info.newBuilder().setDigest(request.getDigest()).setSize(size))
              .build());
      client.onCompleted();
    }

    /** Only asked for manifests of images. */
    @Override
    public void list(ListContentRequest request, StreamObserver<ListContentResponse> client) {
      client.onNext(ListContentResponse.newBuilder().addInfo(image).build());
      client.onCompleted();
    }
  }
}
