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

/** Who is at the other end of a connection, as the kernel has it (SO_PEERCRED, unix(7)). */
sealed interface Peer {

  /** {@return the peer of a connection} */
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
    // The kernel gives one group; netty's form allows for systems that give more.
    int[] gids = credentials.gids();
    return new Numbered(
        Integer.toUnsignedLong(credentials.uid()),
        Integer.toUnsignedLong(gids[0]),
        credentials.pid());
  }

  /** A peer as the native transports show it. */
  record Numbered(long uid, long gid, int pid) implements Peer {}

  /** A peer as the JDK shows it, which keeps the numbers to itself. */
  record Named(UserPrincipal user, GroupPrincipal group) implements Peer {}
}
