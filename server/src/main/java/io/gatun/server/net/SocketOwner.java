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
 * Finds the process that listens on a unix socket (SO_PEERCRED, unix(7)). Uses netty, since the JDK
 * hides the process id.
 */
public final class SocketOwner {

  private static final long CONNECT_MILLIS_MAX = 1_000;

  private SocketOwner() {}

  /**
   * {@return the process id, or 0 if the process is in a PID namespace that is not visible here;
   * empty if there is no listener or its process is unknown}
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
      // The listener has closed the connection.
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
