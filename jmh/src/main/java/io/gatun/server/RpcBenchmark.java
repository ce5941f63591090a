package io.gatun.server;

import io.gatun.bench.ShortRuns;
import io.gatun.bench.TemporaryDirectory;
import io.gatun.proto.snapshots.MountsRequest;
import io.gatun.proto.snapshots.MountsResponse;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.proto.snapshots.StatSnapshotResponse;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.ConfigurationFile;
import io.gatun.server.config.Transport;
import io.gatun.server.net.EventLoops;
import io.gatun.server.net.SocketFile;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.layer.LayerBuilder;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;

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
public class RpcBenchmark extends ShortRuns {

  private static final int CLIENTS = 16;

  private static final String KEY =
      "k8s.io/42/7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069";

  private static final StatSnapshotRequest STAT =
      StatSnapshotRequest.newBuilder().setKey(KEY).build();
  private static final MountsRequest MOUNTS = MountsRequest.newBuilder().setKey(KEY).build();

  private static final Instant TIME = Instant.parse("2026-11-24T06:00:00.123456789Z");

  /** An active snapshot of an image of three layers. */
  private static final SnapshotInfo INFO =
      new SnapshotInfo(
          Kind.ACTIVE,
          KEY,
          "k8s.io/41/sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
          Map.of("containerd.io/snapshot/cri.image-ref", "registry.example/team/service:1.2.3"),
          TIME,
          TIME);

  private static final List<Mount> INFO_MOUNTS =
      List.of(
          Mount.ofRoot(
              "overlay",
              "overlay",
              List.of(
                  "workdir=/var/lib/gatun/snapshots/42/work",
                  "upperdir=/var/lib/gatun/snapshots/42/fs",
                  "lowerdir=/var/lib/gatun/snapshots/41/fs:/var/lib/gatun/snapshots/40/fs"
                      + ":/var/lib/gatun/snapshots/39/fs",
                  "index=off")));

  // The remaining value, AUTO, selects one of these.
  @Param({"IO_URING", "EPOLL", "NIO"})
  Transport transport;

  private TemporaryDirectory directory;
  private Path address;
  private Endpoint endpoint;
  private EventLoops clientLoops;
  private final Collection<ManagedChannel> channels = new ConcurrentLinkedQueue<>();

  @Setup
  public void open() throws IOException {
    directory = TemporaryDirectory.in(TemporaryDirectory.DEFAULT_PARENT);
    address = directory.path().resolve("s");
    SocketFile socket = new SocketFile(address);
    endpoint =
        Endpoint.open(
            configuration(),
            standIn(
                Snapshotter.class,
                Map.of(
                    "stat", INFO, "mounts", INFO_MOUNTS, "tryMountsWithoutIo", Optional.empty())),
            standIn(LayerUnpacker.class, Map.of()),
            standIn(LayerBuilder.class, Map.of()),
            standIn(LayerConverter.class, Map.of()),
            socket,
            EventLoops.open(transport));
    clientLoops = EventLoops.open(Transport.NIO);
  }

  /** Closes clients before their loops; JMH would close them in any order. */
  @TearDown
  public void close() {
    channels.forEach(ManagedChannel::shutdownNow);
    clientLoops.close();
    endpoint.close();
    directory.close();
  }

  /** {@return a part of the daemon that gives these answers, by method, and no others} */
  private static <T> T standIn(Class<T> part, Map<String, Object> answers) {
    return part.cast(
        Proxy.newProxyInstance(
            part.getClassLoader(),
            new Class<?>[] {part},
            (proxy, method, arguments) -> {
              Object answer = answers.get(method.getName());
              if (answer == null) {
                throw new UnsupportedOperationException(method.toString());
              }
              return answer;
            }));
  }

  private Configuration configuration() {
    return ConfigurationFile.parse(
        "benchmark",
        "",
        new Configuration.Overrides(Optional.empty(), Optional.of(address), Optional.empty()));
  }

  private ManagedChannel connect() {
    ManagedChannel channel = clientLoops.channel(address);
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
