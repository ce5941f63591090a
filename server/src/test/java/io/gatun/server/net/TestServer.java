package io.gatun.server.net;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.PrepareSnapshotResponse;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.server.Endpoint;
import io.gatun.server.MemorySnapshotter;
import io.gatun.server.StandInBuilder;
import io.gatun.server.StandInConverter;
import io.gatun.server.StandInUnpacker;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.ConfigurationFile;
import io.gatun.server.config.Transport;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/** An endpoint on a socket in a directory, and clients of it. */
public final class TestServer implements AutoCloseable {

  public static final int LONG_DRAIN_SECONDS = 30;
  private static final int SHORT_DRAIN_SECONDS = 2;

  public static final int APPLY_THREADS = 2;
  public static final int APPLY_QUEUE_MAX = 3;

  public final Path address;
  public final MemorySnapshotter snapshotter = new MemorySnapshotter();
  public final StandInUnpacker unpacker = new StandInUnpacker();
  public final StandInBuilder maker = new StandInBuilder();
  public final StandInConverter converter = new StandInConverter();
  private final Endpoint endpoint;
  private final EventLoopGroup clientLoop =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final List<ManagedChannel> channels = new ArrayList<>();

  public TestServer(Path directory, Transport transport) {
    this(configuration(directory, transport));
  }

  public TestServer(Configuration configuration) {
    this(configuration, EventLoops.open(configuration.transport()));
  }

  public TestServer(Configuration configuration, EventLoops loops) {
    this.address = configuration.address();
    this.endpoint =
        Endpoint.open(
            configuration, snapshotter, unpacker, maker, converter, new SocketFile(address), loops);
  }

  public static Configuration configuration(Path directory, Transport transport) {
    return configuration(directory, transport, 16, 1024, 1024);
  }

  public static Configuration configuration(Path directory, Transport transport, Path address) {
    return configuration(directory, transport, address, 16, 1024, 1024, SHORT_DRAIN_SECONDS);
  }

  public static Configuration configuration(Path directory, Transport transport, int drainSeconds) {
    return configuration(directory, transport, socket(directory), 16, 1024, 1024, drainSeconds);
  }

  public static Configuration configuration(
      Path directory, Transport transport, int threads, int queueMax, int connectionsMax) {
    return configuration(
        directory,
        transport,
        socket(directory),
        threads,
        queueMax,
        connectionsMax,
        SHORT_DRAIN_SECONDS);
  }

  private static Path socket(Path directory) {
    return directory.resolve("s.sock");
  }

  private static Configuration configuration(
      Path directory,
      Transport transport,
      Path address,
      int threads,
      int queueMax,
      int connectionsMax,
      int drainSeconds) {
    return ConfigurationFile.parse(
        "test",
        """
        root = "%1$s/root"
        address = "%2$s"
        transport = "%3$s"
        rpc_threads = %4$d
        rpc_queue_max = %5$d
        max_connections = %6$d
        drain_timeout_seconds = %7$d
        containerd_address = "%1$s/containerd.sock"
        containerd_root = "%1$s/containerd"
        apply_threads = %8$d
        apply_queue_max = %9$d
        warm_up = false
        """
            .formatted(
                directory,
                address,
                transport.configName(),
                threads,
                queueMax,
                connectionsMax,
                drainSeconds,
                APPLY_THREADS,
                APPLY_QUEUE_MAX),
        Configuration.Overrides.NONE);
  }

  Transport transport() {
    return endpoint.transport();
  }

  public ManagedChannel channel() {
    return channel(UnaryOperator.identity());
  }

  public ManagedChannel channel(UnaryOperator<NettyChannelBuilder> settings) {
    ManagedChannel channel =
        settings
            .apply(
                NettyChannelBuilder.forAddress(
                        UnixDomainSocketAddress.of(address), InsecureChannelCredentials.create())
                    .eventLoopGroup(clientLoop)
                    .channelType(NioDomainSocketChannel.class, UnixDomainSocketAddress.class)
                    .overrideAuthority("localhost")
                    .directExecutor())
            .build();
    channels.add(channel);
    return channel;
  }

  /** {@return the client that all threads share} */
  SnapshotsGrpc.SnapshotsBlockingStub sharedClient() {
    if (channels.isEmpty()) {
      return client();
    }
    return SnapshotsGrpc.newBlockingStub(channels.getFirst());
  }

  public SnapshotsGrpc.SnapshotsBlockingStub client() {
    return SnapshotsGrpc.newBlockingStub(channel());
  }

  /** {@return a call that has begun, and ends when the snapshotter is opened} */
  public Future<PrepareSnapshotResponse> callThatIsHeldUp() throws InterruptedException {
    snapshotter.close();
    Future<PrepareSnapshotResponse> call =
        SnapshotsGrpc.newFutureStub(channel())
            .prepare(PrepareSnapshotRequest.newBuilder().setKey("a").build());
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (snapshotter.waiting() == 0) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.sleep(5);
    }
    return call;
  }

  public void warmUp() {
    endpoint.warmUp();
  }

  public void closeEndpoint() {
    endpoint.close();
  }

  @Override
  public void close() {
    channels.forEach(ManagedChannel::shutdownNow);
    snapshotter.open();
    unpacker.open();
    endpoint.close();
    clientLoop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
