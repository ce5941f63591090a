package io.gatun.server;

import io.gatun.proto.conversion.ConversionGrpc;
import io.gatun.proto.diff.DiffGrpc;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.StartException;
import io.gatun.server.config.Transport;
import io.gatun.server.content.CallNamespace;
import io.gatun.server.content.ContentFiles;
import io.gatun.server.content.ContentStore;
import io.gatun.server.content.SharedChannel;
import io.gatun.server.net.ConnectionFilter;
import io.gatun.server.net.EventLoops;
import io.gatun.server.net.SocketFile;
import io.gatun.server.rpc.CallLog;
import io.gatun.server.rpc.CallsInFlight;
import io.gatun.server.rpc.ConversionService;
import io.gatun.server.rpc.DiffService;
import io.gatun.server.rpc.RequestDecoding;
import io.gatun.server.rpc.RequestLimits;
import io.gatun.server.rpc.RpcExecutor;
import io.gatun.server.rpc.SnapshotsService;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.layer.LayerBuilder;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.grpc.BindableService;
import io.grpc.Codec;
import io.grpc.DecompressorRegistry;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.netty.channel.ServerChannel;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves a snapshotter, its unpacker, layer builder and converter on a unix socket, until the last
 * call is answered.
 *
 * <p>Bounds what peers can consume: connections, calls per connection, message size, memory of all
 * requests together, and the time for the handshake and for sending a request. Closing drains:
 * first the socket goes, then calls in flight have the configured time to finish.
 */
public final class Endpoint implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Endpoint.class);

  /**
   * containerd forwards its clients' current calls, a few dozen; HTTP/2 advises against a lower
   * limit (RFC 9113, 6.5.2).
   */
  static final int CALLS_PER_CONNECTION_MAX = 100;

  /** containerd sends a namespace and tracing headers. */
  private static final int HEADERS_BYTES_MAX = 8 << 10;

  /** HTTP/2's default frame size. */
  private static final int FRAME_BYTES = 16 << 10;

  /** Calls that a client may cancel within ten seconds before its connection is closed. */
  private static final int RESETS_MAX = 1_000;

  private static final int RESETS_SECONDS = 10;

  /** Interval of the checks for stalled requests and for unused heap. */
  private static final long CARE_SECONDS = 2;

  /** A connection that has not begun HTTP/2 by then is closed. */
  private static final long HANDSHAKE_SECONDS_MAX = 10;

  /** Clients may ping this often, with or without calls in flight. */
  private static final long PING_SECONDS_MIN = 5;

  /** For clients to close their connections once all calls are answered. */
  private static final long GOODBYE_SECONDS = 1;

  /** For calls that ignore interruption. */
  private static final long CANCEL_SECONDS = 5;

  private final Configuration configuration;
  private final LayerUnpacker unpacker;
  private final EventLoops loops;
  private final RpcExecutor rpcExecutor;
  private final CallsInFlight calls = new CallsInFlight();
  private final ContentStore content;
  private final HealthStatusManager health;
  private final SocketFile socket;
  private final SharedChannel self;
  private final Server server;

  private Endpoint(
      Configuration configuration,
      Snapshotter snapshotter,
      LayerUnpacker unpacker,
      LayerBuilder builder,
      LayerConverter converter,
      SocketFile socket,
      EventLoops loops) {
    this.configuration = configuration;
    this.unpacker = unpacker;
    this.socket = socket;
    this.loops = loops;
    this.rpcExecutor =
        new RpcExecutor(
            configuration.rpcThreads(),
            configuration.rpcQueueMax(),
            configuration.applyThreads(),
            configuration.applyQueueMax());
    this.content =
        new ContentStore(
            configuration.containerdAddress(),
            new ContentFiles(configuration.containerdRoot()),
            loops);
    this.self = new SharedChannel(() -> loops.channel(configuration.address()));
    this.health = new HealthStatusManager();
    RequestLimits limits = new RequestLimits(configuration.requestMemoryBytesMax());
    HeapTrim trim = new HeapTrim(calls);
    var _ =
        loops
            .group()
            .scheduleWithFixedDelay(
                () -> {
                  limits.endStalled();
                  trim.trimIfQuiet();
                },
                CARE_SECONDS,
                CARE_SECONDS,
                TimeUnit.SECONDS);
    this.server =
        loops
            .configure(NettyServerBuilder.forAddress(loops.address(socket.bindPath())))
            .channelFactory(this::newServerChannel)
            .bossEventLoopGroup(loops.group())
            .workerEventLoopGroup(loops.group())
            .directExecutor()
            .maxInboundMessageSize(configuration.messageBytesMax())
            .maxInboundMetadataSize(HEADERS_BYTES_MAX)
            .maxConcurrentCallsPerConnection(CALLS_PER_CONNECTION_MAX)
            .maxRstFramesPerWindow(RESETS_MAX, RESETS_SECONDS)
            .flowControlWindow(windowBytes(configuration))
            // A small compressed message could expand to a large one.
            .decompressorRegistry(
                DecompressorRegistry.emptyInstance().with(Codec.Identity.NONE, false))
            .addStreamTracerFactory(limits)
            .handshakeTimeout(HANDSHAKE_SECONDS_MAX, TimeUnit.SECONDS)
            .permitKeepAliveTime(PING_SECONDS_MIN, TimeUnit.SECONDS)
            .permitKeepAliveWithoutCalls(true)
            .addService(counted(new SnapshotsService(snapshotter, rpcExecutor)))
            .addService(
                ServerInterceptors.intercept(
                    counted(new DiffService(unpacker, builder, content, rpcExecutor)),
                    new CallNamespace()))
            .addService(counted(new ConversionService(converter, content, rpcExecutor)))
            .addService(health.getHealthService())
            // The log comes last here, and so runs first and sees calls that the limits refuse.
            .intercept(limits)
            .intercept(new CallLog())
            .build();
  }

  private ServerServiceDefinition counted(BindableService service) {
    return ServerInterceptors.intercept(RequestDecoding.guard(service.bindService()), calls);
  }

  /** Opens an endpoint; it serves clients when this returns. */
  public static Endpoint open(
      Configuration configuration,
      Snapshotter snapshotter,
      LayerUnpacker unpacker,
      LayerBuilder builder,
      LayerConverter converter,
      SocketFile socket,
      EventLoops loops) {
    Endpoint endpoint =
        new Endpoint(configuration, snapshotter, unpacker, builder, converter, socket, loops);
    try {
      endpoint.server.start();
      endpoint.health.setStatus(SnapshotsGrpc.SERVICE_NAME, ServingStatus.SERVING);
      endpoint.health.setStatus(DiffGrpc.SERVICE_NAME, ServingStatus.SERVING);
      endpoint.health.setStatus(ConversionGrpc.SERVICE_NAME, ServingStatus.SERVING);
      socket.publish();
      return endpoint;
    } catch (IOException e) {
      endpoint.close();
      throw new StartException(
          "cannot listen on %s: %s".formatted(configuration.address(), e.getMessage()), e);
    } catch (RuntimeException e) {
      endpoint.close();
      throw e;
    }
  }

  /** Warms up as {@link JitWarmUp} describes; blocks until it is done. */
  public void warmUp() {
    try {
      new JitWarmUp(unpacker, calls, new LoopbackCalls(self)).run();
    } finally {
      self.close();
    }
  }

  public Transport transport() {
    return loops.transport();
  }

  @Override
  public void close() {
    socket.delete();
    health.enterTerminalState();
    server.shutdown();
    if (!calls.awaitNone(configuration.drainTimeoutSeconds())) {
      LOG.warn("calls cut off after seconds={}", configuration.drainTimeoutSeconds());
    }
    if (!isTerminatedAfter(GOODBYE_SECONDS)) {
      server.shutdownNow();
      if (!isTerminatedAfter(CANCEL_SECONDS)) {
        LOG.warn("connections left open");
      }
    }
    rpcExecutor.close();
    content.close();
    self.close();
    loops.close();
  }

  /**
   * {@return the connection-level flow-control window}
   *
   * <p>The rest of a refused request is never read, and grpc-java's clients count the call as open
   * until they have sent all of it. The window therefore holds any request in full, but no more:
   * one turn of an event loop may read the windows of all connections into memory before it closes
   * calls.
   */
  private static int windowBytes(Configuration configuration) {
    return configuration.messageBytesMax() + FRAME_BYTES;
  }

  private boolean isTerminatedAfter(long seconds) {
    try {
      return server.awaitTermination(seconds, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private ServerChannel newServerChannel() {
    ServerChannel channel = loops.newServerChannel();
    channel
        .pipeline()
        .addLast(
            new ConnectionFilter(
                configuration.allowedUids(),
                configuration.allowedGids(),
                configuration.connectionsMax()));
    return channel;
  }
}
