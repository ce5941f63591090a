package io.gatun.server.net;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.attribute.UserPrincipal;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.util.HashSet;
import java.util.Set;

/**
 * The peers that may connect: root, and the configured users and groups.
 *
 * <p>The socket's mode already admits only root. This check also holds if the mode was changed or a
 * peer inherited an open directory.
 */
public final class PeerPolicy {

  private static final long ROOT_UID = 0;

  private final Set<Long> uids;
  private final Set<Long> gids;

  public PeerPolicy(Set<Long> uids, Set<Long> gids) {
    this.uids = new HashSet<>(uids);
    this.uids.add(ROOT_UID);
    this.gids = Set.copyOf(gids);
  }

  boolean allow(Peer peer) throws IOException {
    return switch (peer) {
      case Peer.Numbered numbered -> uids.contains(numbered.uid()) || gids.contains(numbered.gid());
      case Peer.Named named -> allow(named);
    };
  }

  /** The JDK's principals are equal if their numbers are, and can be looked up by number. */
  private boolean allow(Peer.Named peer) throws IOException {
    UserPrincipalLookupService principals =
        FileSystems.getDefault().getUserPrincipalLookupService();
    for (long uid : uids) {
      UserPrincipal user = principals.lookupPrincipalByName(Long.toString(uid));
      if (user.equals(peer.user())) {
        return true;
      }
    }
    for (long gid : gids) {
      if (principals.lookupPrincipalByGroupName(Long.toString(gid)).equals(peer.group())) {
        return true;
      }
    }
    return false;
  }
}
