package io.gatun.server;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A client's connection to a daemon, opened on first use. */
public final class DaemonConnection implements AutoCloseable {

  private static final int MESSAGE_BYTES_MAX = 16 << 20;

  private final EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final ManagedChannel channel;

  /**
   * @param address the daemon's socket
   */
  public DaemonConnection(Path address) {
    this.channel =
        NettyChannelBuilder.forAddress(
                UnixDomainSocketAddress.of(address), InsecureChannelCredentials.create())
            .eventLoopGroup(loop)
            .channelType(NioDomainSocketChannel.class, UnixDomainSocketAddress.class)
            .overrideAuthority("localhost")
            .maxInboundMessageSize(MESSAGE_BYTES_MAX)
            .directExecutor()
            .build();
  }

  public ManagedChannel channel() {
    return channel;
  }

  @Override
  public void close() {
    channel.shutdownNow();
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
