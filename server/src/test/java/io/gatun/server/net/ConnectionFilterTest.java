package io.gatun.server.net;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.server.LogCapture;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.Transport;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The limits on peers and on the number of connections. {@code PeersIT} tests peers of other users.
 */
@Timeout(60)
final class ConnectionFilterTest {

  private static final int CONNECTIONS_MAX = 5;

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void connectionsOverTheLimitAreClosedUntilOthersGo(Transport transport) throws Exception {
    Configuration configuration =
        TestServer.configuration(directory, transport, 2, 8, CONNECTIONS_MAX);
    List<SocketChannel> connections = new ArrayList<>();
    try (LogCapture log = new LogCapture(ConnectionFilter.class);
        TestServer server = new TestServer(configuration)) {
      for (int i = 0; i < CONNECTIONS_MAX; i++) {
        connections.add(connect(server));
        assertThat(isAccepted(connections.getLast())).isTrue();
      }
      try (SocketChannel oneTooMany = connect(server)) {
        assertThat(isAccepted(oneTooMany)).isFalse();
      }
      assertThat(log.lines())
          .singleElement()
          .satisfies(
              line ->
                  assertThat(line).contains("max_connections=" + CONNECTIONS_MAX + " are open"));

      connections.removeFirst().close();
      assertThat(isAcceptedInTime(server)).isTrue();
    } finally {
      for (SocketChannel connection : connections) {
        connection.close();
      }
    }
  }

  @Test
  void rootAndWhoIsNamedAreAllowed() throws Exception {
    Set<Long> uids = Set.of(1000L, 0xFFFF_FFFEL);
    Set<Long> gids = Set.of(2000L);

    assertThat(new Peer.Numbered(0, 0, 1).isAmong(uids, gids)).isTrue();
    assertThat(new Peer.Numbered(1000, 5, 1).isAmong(uids, gids)).isTrue();
    assertThat(new Peer.Numbered(0xFFFF_FFFEL, 5, 1).isAmong(uids, gids)).isTrue();
    assertThat(new Peer.Numbered(5, 2000, 1).isAmong(uids, gids)).isTrue();
    assertThat(new Peer.Numbered(5, 0, 1).isAmong(uids, gids)).isFalse();
    assertThat(new Peer.Numbered(2000, 1000, 1).isAmong(uids, gids)).isFalse();
  }

  @Test
  void namesStandForNumbers() throws Exception {
    UserPrincipalLookupService names = FileSystems.getDefault().getUserPrincipalLookupService();
    Set<Long> uids = Set.of(1L);
    Set<Long> gids = Set.of(2L);

    assertThat(named(names, "0", "0").isAmong(uids, gids)).isTrue();
    assertThat(named(names, "1", "54321").isAmong(uids, gids)).isTrue();
    assertThat(named(names, "54321", "2").isAmong(uids, gids)).isTrue();
    assertThat(named(names, "54321", "54321").isAmong(uids, gids)).isFalse();
    assertThat(named(names, "2", "1").isAmong(uids, gids)).isFalse();
  }

  private static Peer named(UserPrincipalLookupService names, String uid, String gid)
      throws IOException {
    return new Peer.Named(names.lookupPrincipalByName(uid), names.lookupPrincipalByGroupName(gid));
  }

  private static SocketChannel connect(TestServer server) throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(server.address));
  }

  /**
   * {@return whether the server sends its greeting, the first thing on each accepted connection}
   */
  private static boolean isAccepted(SocketChannel connection) throws IOException {
    try {
      return connection.read(ByteBuffer.allocate(1)) == 1;
    } catch (IOException e) {
      // Closed before the server read anything.
      return false;
    }
  }

  private static boolean isAcceptedInTime(TestServer server) throws Exception {
    for (int i = 0; i < 100; i++) {
      try (SocketChannel connection = connect(server)) {
        if (isAccepted(connection)) {
          return true;
        }
      }
      Thread.sleep(20);
    }
    return false;
  }
}
