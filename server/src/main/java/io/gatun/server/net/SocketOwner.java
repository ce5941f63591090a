package io.gatun.server.net;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;

/**
 * The process that listens on a unix socket, as the kernel has it (SO_PEERCRED, unix(7)). The JDK
 * keeps the number to itself, and netty has it for its native transports.
 */
public final class SocketOwner {

  private static final long CONNECT_MILLIS_MAX = 1_000;

  private SocketOwner() {}

  /**
   * {@return the number of the process, 0 if it is in a namespace of processes that this one does
   * not see; nothing if nobody listens, or if it cannot be told}
   */
  public static OptionalLong pid(Path socket) {
    if (!Epoll.isAvailable()) {
      return OptionalLong.empty();
    }
    EventLoopGroup loop =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("gatun-owner"), EpollIoHandler.newFactory());
    try {
      ChannelFuture connection =
          new Bootstrap()
              .group(loop)
              .channel(EpollDomainSocketChannel.class)
              .handler(new ChannelInboundHandlerAdapter())
              .connect(new DomainSocketAddress(socket.toFile()));
      return connection.awaitUninterruptibly(CONNECT_MILLIS_MAX) && connection.isSuccess()
          ? pid(Peer.of(connection.channel()))
          : OptionalLong.empty();
    } catch (IOException e) {
      // It has closed the connection.
      return OptionalLong.empty();
    } finally {
      loop.shutdownGracefully(0, CONNECT_MILLIS_MAX, TimeUnit.MILLISECONDS).awaitUninterruptibly();
    }
  }

  private static OptionalLong pid(Peer peer) {
    return switch (peer) {
      case Peer.Numbered numbered -> OptionalLong.of(numbered.pid());
      case Peer.Named _ -> OptionalLong.empty();
    };
  }
}
