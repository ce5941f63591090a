package io.gatun.server.net;

import io.gatun.server.config.StartException;
import io.gatun.server.config.Transport;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.Channel;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.uring.IoUring;
import io.netty.channel.uring.IoUringBufferRingConfig;
import io.netty.channel.uring.IoUringChannelOption;
import io.netty.channel.uring.IoUringDomainSocketChannel;
import io.netty.channel.uring.IoUringFixedBufferRingAllocator;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringIoHandlerConfig;
import io.netty.channel.uring.IoUringServerDomainSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The event loops of one transport, and its channels. */
public final class EventLoops implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(EventLoops.class);

  /**
   * From best to worst. The machine may refuse io_uring and epoll, which are native code; NIO is
   * the JDK's.
   */
  private static final List<Transport> CANDIDATES =
      List.of(Transport.IO_URING, Transport.EPOLL, Transport.NIO);

  /**
   * One thread handles some 40,000 requests a second; the second serves while the first is held up.
   */
  private static final int THREADS = 2;

  private static final long STOP_SECONDS = 2;

  /**
   * The ring of buffers that a server's connections on one loop read into, {@code
   * io_uring_register_buf_ring(3)}.
   */
  private static final short BUFFER_GROUP = 1;

  private static final short BUFFERS = 32;

  /** Most requests are far smaller. */
  private static final int BUFFER_BYTES = 4 << 10;

  /** containerd's message size limit. */
  private static final int CHANNEL_MESSAGE_BYTES_MAX = 16 << 20;

  /** The number of bytes that may be in flight to a client that has not requested them yet. */
  static final int CHANNEL_WINDOW_BYTES = 4 << 20;

  private final Transport transport;
  private final EventLoopGroup group;

  private EventLoops(Transport transport, EventLoopGroup group) {
    this.transport = transport;
    this.group = group;
  }

  /**
   * Starts event loops.
   *
   * @param wanted the transport to use, or {@link Transport#AUTO} for the best available one
   */
  public static EventLoops open(Transport wanted) {
    return open(wanted, EventLoops::obstacle);
  }

  /** As {@link #open(Transport)}, with a given probe of transports. */
  public static EventLoops open(Transport wanted, Function<Transport, Optional<String>> obstacles) {
    List<Transport> candidates = wanted == Transport.AUTO ? CANDIDATES : List.of(wanted);
    String reason = "";
    for (Transport transport : candidates) {
      Optional<String> obstacle = obstacles.apply(transport);
      if (obstacle.isEmpty()) {
        try {
          return new EventLoops(transport, newGroup(transport));
        } catch (RuntimeException e) {
          // The kernel supports it but refuses a ring, for lack of memory or because of a limit.
          obstacle = Optional.of(reasonOf(e));
        }
      }
      reason = obstacle.orElseThrow();
      if (candidates.size() > 1) {
        LOG.warn("transport unavailable transport={} error=\"{}\"", transport.configName(), reason);
      }
    }
    throw new StartException(
        "transport %s does not work here: %s (transport = \"auto\" selects one that works)"
            .formatted(wanted.configName(), reason));
  }

  /** {@return why a transport cannot be used on this machine, or empty if it can} */
  public static Optional<String> obstacle(Transport transport) {
    return switch (transport) {
      case IO_URING ->
          IoUring.isAvailable() ? Optional.empty() : reason(IoUring.unavailabilityCause());
      case EPOLL -> Epoll.isAvailable() ? Optional.empty() : reason(Epoll.unavailabilityCause());
      case NIO, AUTO -> Optional.empty();
    };
  }

  public Transport transport() {
    return transport;
  }

  public EventLoopGroup group() {
    return group;
  }

  public ServerChannel newServerChannel() {
    return switch (transport) {
      case IO_URING -> new IoUringServerDomainSocketChannel();
      case EPOLL -> new EpollServerDomainSocketChannel();
      case NIO, AUTO -> new NioServerDomainSocketChannel();
    };
  }

  /**
   * Lets the server's connections read as long as data comes, into buffers from a ring. Otherwise
   * each read costs a request, preceded by a poll.
   */
  public NettyServerBuilder configure(NettyServerBuilder server) {
    return transport == Transport.IO_URING && IoUring.isRegisterBufferRingSupported()
        ? server.withChildOption(IoUringChannelOption.IO_URING_BUFFER_GROUP_ID, BUFFER_GROUP)
        : server;
  }

  /** {@return a path as an address of the transport's channels} */
  public SocketAddress address(Path path) {
    return switch (transport) {
      case IO_URING, EPOLL -> new DomainSocketAddress(path.toFile());
      case NIO, AUTO -> UnixDomainSocketAddress.of(path);
    };
  }

  /** {@return a client channel to a socket, connected on first use; the caller shuts it down} */
  public ManagedChannel channel(Path path) {
    SocketAddress address = address(path);
    return NettyChannelBuilder.forAddress(address, InsecureChannelCredentials.create())
        .eventLoopGroup(group)
        .channelFactory(this::newClientChannel, address.getClass())
        .overrideAuthority("localhost")
        .maxInboundMessageSize(CHANNEL_MESSAGE_BYTES_MAX)
        .flowControlWindow(CHANNEL_WINDOW_BYTES)
        .directExecutor()
        .build();
  }

  private Channel newClientChannel() {
    return switch (transport) {
      case IO_URING -> new IoUringDomainSocketChannel();
      case EPOLL -> new EpollDomainSocketChannel();
      case NIO, AUTO -> new NioDomainSocketChannel();
    };
  }

  @Override
  public void close() {
    group.shutdownGracefully(0, STOP_SECONDS, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  private static IoUringIoHandlerConfig rings() {
    IoUringIoHandlerConfig rings = new IoUringIoHandlerConfig();
    return IoUring.isRegisterBufferRingSupported()
        ? rings.setBufferRingConfig(
            IoUringBufferRingConfig.builder()
                .bufferGroupId(BUFFER_GROUP)
                .bufferRingSize(BUFFERS)
                .batchSize(BUFFERS / 2)
                .allocator(new IoUringFixedBufferRingAllocator(BUFFER_BYTES))
                .build())
        : rings;
  }

  private static EventLoopGroup newGroup(Transport transport) {
    IoHandlerFactory factory =
        switch (transport) {
          case IO_URING -> IoUringIoHandler.newFactory(rings());
          case EPOLL -> EpollIoHandler.newFactory();
          case NIO, AUTO -> NioIoHandler.newFactory();
        };
    return new MultiThreadIoEventLoopGroup(
        THREADS, new DefaultThreadFactory("gatun-" + transport.configName()), factory);
  }

  private static Optional<String> reason(@Nullable Throwable cause) {
    return Optional.of(cause == null ? "unknown" : reasonOf(cause));
  }

  private static String reasonOf(Throwable cause) {
    Throwable root = cause;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.toString().lines().findFirst().orElse(root.getClass().getName());
  }
}
