package io.gatun.server.net;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.unix.PeerCredentials;
import io.netty.channel.uring.IoUringDomainSocketChannel;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.UserPrincipal;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.util.Set;
import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;

/** The peer of a connection, from the kernel (SO_PEERCRED, unix(7)). */
sealed interface Peer {

  long ROOT_UID = 0;

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

  /** {@return whether the peer is root, one of these users, or in one of these groups} */
  boolean isAmong(Set<Long> uids, Set<Long> gids) throws IOException;

  /** A peer from the native transports. */
  record Numbered(long uid, long gid, int pid) implements Peer {

    @Override
    public boolean isAmong(Set<Long> uids, Set<Long> gids) {
      return uid == ROOT_UID || uids.contains(uid) || gids.contains(gid);
    }
  }

  /**
   * A peer from the JDK, which hides the numbers. Its principals are equal if their numbers are,
   * and can be looked up by number.
   */
  record Named(UserPrincipal user, GroupPrincipal group) implements Peer {

    @Override
    public boolean isAmong(Set<Long> uids, Set<Long> gids) throws IOException {
      if (isUser(ROOT_UID)) {
        return true;
      }
      for (long uid : uids) {
        if (isUser(uid)) {
          return true;
        }
      }
      for (long gid : gids) {
        if (principals().lookupPrincipalByGroupName(Long.toString(gid)).equals(group)) {
          return true;
        }
      }
      return false;
    }

    private boolean isUser(long uid) throws IOException {
      return principals().lookupPrincipalByName(Long.toString(uid)).equals(user);
    }

    private static UserPrincipalLookupService principals() {
      return FileSystems.getDefault().getUserPrincipalLookupService();
    }
  }
}
