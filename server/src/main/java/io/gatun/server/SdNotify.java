package io.gatun.server;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports the daemon's state to systemd by the protocol of sd_notify(3): a text datagram to the
 * unix socket in {@code NOTIFY_SOCKET}. Does nothing without that variable.
 *
 * <p>The JDK has no unix datagrams, and netty has them only for epoll, so each notice uses an epoll
 * thread of its own, whatever the server's transport.
 */
final class SdNotify {

  private static final Logger LOG = LoggerFactory.getLogger(SdNotify.class);

  static final String READY = "READY=1";
  static final String STOPPING = "STOPPING=1";

  private static final long SEND_MILLIS_MAX = 1_000;

  private final Optional<String> socket;

  /**
   * @param socket the value of {@code NOTIFY_SOCKET}; a first {@code @} stands for the NUL of an
   *     abstract name
   */
  SdNotify(@Nullable String socket) {
    this.socket = Optional.ofNullable(socket).filter(name -> !name.isEmpty());
  }

  void send(String notice) {
    socket.ifPresent(
        name -> {
          try {
            send(name.startsWith("@") ? '\0' + name.substring(1) : name, notice);
          } catch (RuntimeException | LinkageError e) {
            // systemd will assume that the start failed, which the log should explain.
            LOG.warn("cannot notify service manager notice={} error=\"{}\"", notice, e.toString());
          }
        });
  }

  private static void send(String socket, String notice) {
    EventLoopGroup loop =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("gatun-notice"), EpollIoHandler.newFactory());
    try {
      Channel channel =
          new Bootstrap()
              .group(loop)
              .channel(EpollDomainDatagramChannel.class)
              .handler(new ChannelInboundHandlerAdapter())
              .connect(new DomainSocketAddress(socket))
              .syncUninterruptibly()
              .channel();
      channel
          .writeAndFlush(Unpooled.copiedBuffer(notice, UTF_8))
          .awaitUninterruptibly(SEND_MILLIS_MAX);
      channel.close().awaitUninterruptibly(SEND_MILLIS_MAX);
    } finally {
      loop.shutdownGracefully(0, SEND_MILLIS_MAX, TimeUnit.MILLISECONDS).awaitUninterruptibly();
    }
  }
}
