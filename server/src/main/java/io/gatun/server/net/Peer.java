package io.gatun.server.net;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.unix.PeerCredentials;
import io.netty.channel.uring.IoUringDomainSocketChannel;
import java.io.IOException;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.UserPrincipal;
import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;

/** The peer of a connection, from the kernel (SO_PEERCRED, unix(7)). */
sealed interface Peer {

  static Peer of(Channel connection) throws IOException {
    return switch (connection) {
      case IoUringDomainSocketChannel channel -> of(channel.peerCredentials());
      case EpollDomainSocketChannel channel -> of(channel.peerCredentials());
      default -> {
        UnixDomainPrincipal principal =
            connection.config().getOption(NioChannelOption.of(ExtendedSocketOptions.SO_PEERCRED));
        yield new Named(principal.user(), principal.group());
      }
    };
  }

  private static Peer of(PeerCredentials credentials) {
    // The kernel gives one group; netty's array allows for systems that give several.
    int[] gids = credentials.gids();
    return new Numbered(
        Integer.toUnsignedLong(credentials.uid()),
        Integer.toUnsignedLong(gids[0]),
        credentials.pid());
  }

  /** A peer from the native transports. */
  record Numbered(long uid, long gid, int pid) implements Peer {}

  /** A peer from the JDK, which hides the numbers. */
  record Named(UserPrincipal user, GroupPrincipal group) implements Peer {}
}
