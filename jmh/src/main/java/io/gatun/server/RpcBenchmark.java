package io.gatun.server;

import io.gatun.bench.TemporaryDirectory;
import io.gatun.proto.snapshots.MountsRequest;
import io.gatun.proto.snapshots.MountsResponse;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.proto.snapshots.StatSnapshotResponse;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.Transport;
import io.gatun.server.net.EventLoops;
import io.gatun.server.net.SocketFile;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.BlobSink;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBuilder;
import io.gatun.snapshot.layer.LayerBuilder.LayerFormat;
import io.gatun.snapshot.layer.LayerBuilder.PackedLayer;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Which transport answers fastest, to one client and to sixteen? Stat is answered on the event
 * loop, Mounts by the pool for blocking calls; the difference is the cost of the thread switch. The
 * answers are constants: only the transport is measured.
 *
 * <p>Each client has a connection and waits for each answer. Clients run in the server's JVM and
 * always on NIO, which leaves the server as the only difference.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class RpcBenchmark {

  private static final int CLIENTS = 16;
  private static final int CLIENT_LOOPS = 2;

  private static final StatSnapshotRequest STAT =
      StatSnapshotRequest.newBuilder().setKey(FixedSnapshotter.KEY).build();
  private static final MountsRequest MOUNTS =
      MountsRequest.newBuilder().setKey(FixedSnapshotter.KEY).build();

  // The remaining value, AUTO, selects one of these.
  @Param({"IO_URING", "EPOLL", "NIO"})
  Transport transport;

  private TemporaryDirectory directory;
  private Path address;
  private Endpoint endpoint;
  private EventLoopGroup clientLoops;
  private final Collection<ManagedChannel> channels = new ConcurrentLinkedQueue<>();

  @Setup
  public void open() throws IOException {
    directory = TemporaryDirectory.in(TemporaryDirectory.DEFAULT_PARENT);
    address = directory.path().resolve("s");
    SocketFile socket = new SocketFile(address);
    endpoint =
        Endpoint.open(
            configuration(),
            new FixedSnapshotter(),
            new NoLayers(),
            new NoLayers(),
            new NoLayers(),
            socket,
            EventLoops.open(transport));
    clientLoops = new MultiThreadIoEventLoopGroup(CLIENT_LOOPS, NioIoHandler.newFactory());
  }

  /** Closes clients before their loops; JMH would close them in any order. */
  @TearDown
  public void close() {
    channels.forEach(ManagedChannel::shutdownNow);
    clientLoops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    endpoint.close();
    directory.close();
  }

  private static final class NoLayers implements LayerUnpacker, LayerBuilder, LayerConverter {

    @Override
    public Target find(List<Mount> mounts) {
      throw new SnapshotException.Unsupported("no layers here");
    }

    @Override
    public void warmUp(LayerBlob blob) {
      throw new SnapshotException.Unsupported("no layers here");
    }

    @Override
    public String name(List<Mount> mounts) {
      throw new SnapshotException.Unsupported("no layers here");
    }

    @Override
    public PackedLayer make(
        List<Mount> left,
        List<Mount> right,
        LayerFormat format,
        BlobSink sink,
        Cancellation cancellation) {
      throw new SnapshotException.Unsupported("no layers here");
    }

    @Override
    public Estimate estimate(String name, Optional<Digest> diffId) {
      throw new SnapshotException.Unsupported("no layers here");
    }

    @Override
    public void index(String name, LayerBlob blob, Cancellation cancellation) {
      throw new SnapshotException.Unsupported("no layers here");
    }

    @Override
    public void layOut(String name, Cancellation cancellation) {
      throw new SnapshotException.Unsupported("no layers here");
    }
  }

  private Configuration configuration() {
    return Configuration.DEFAULTS.with(
        new Configuration.Overrides(Optional.empty(), Optional.of(address), Optional.empty()));
  }

  private ManagedChannel connect() {
    ManagedChannel channel =
        NettyChannelBuilder.forAddress(
                UnixDomainSocketAddress.of(address), InsecureChannelCredentials.create())
            .eventLoopGroup(clientLoops)
            .channelType(NioDomainSocketChannel.class, UnixDomainSocketAddress.class)
            .overrideAuthority("localhost")
            .directExecutor()
            .build();
    channels.add(channel);
    return channel;
  }

  @State(Scope.Thread)
  public static class Client {

    private SnapshotsGrpc.SnapshotsBlockingStub snapshots;

    @Setup
    public void connect(RpcBenchmark benchmark) {
      snapshots = SnapshotsGrpc.newBlockingStub(benchmark.connect());
    }
  }

  @Benchmark
  public StatSnapshotResponse statByOne(Client client) {
    return client.snapshots.stat(STAT);
  }

  @Benchmark
  @Threads(CLIENTS)
  public StatSnapshotResponse statBySixteen(Client client) {
    return client.snapshots.stat(STAT);
  }

  @Benchmark
  public MountsResponse mountsByOne(Client client) {
    return client.snapshots.mounts(MOUNTS);
  }

  @Benchmark
  @Threads(CLIENTS)
  public MountsResponse mountsBySixteen(Client client) {
    return client.snapshots.mounts(MOUNTS);
  }
}
