package io.gatun.server.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.server.Endpoint;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.StartException;
import io.gatun.server.config.Transport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Checks of the socket's path. */
@Timeout(60)
final class SocketFileTest {

  @TempDir Path directory;

  private Path address() {
    return directory.resolve("s.sock");
  }

  @ParameterizedTest
  @EnumSource
  void socketIsForItsOwnerAloneAndGoesWithTheServer(Transport transport) throws Exception {
    try (TestServer server = new TestServer(directory, transport)) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(server.address)))
          .isEqualTo("rw-------");
      assertThat(entries()).containsExactly("s.sock");
      assertServes(server);
    }
    assertThat(entries()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void staleSocketIsReplaced(Transport transport) throws Exception {
    try (ServerSocketChannel gone = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      gone.bind(UnixDomainSocketAddress.of(address()));
    }
    assertThat(address()).exists();

    try (TestServer server = new TestServer(directory, transport)) {
      assertServes(server);
    }
  }

  @Test
  void socketThatAnswersForAMomentAfterItsDaemonWasKilledIsReplaced() throws Exception {
    AtomicInteger answered = new AtomicInteger();
    try (ServerSocketChannel lingering = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      lingering.bind(UnixDomainSocketAddress.of(address()));
      Thread kernel =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try (lingering) {
                      lingering.accept().close();
                      answered.incrementAndGet();
                    } catch (IOException e) {
                      throw new UncheckedIOException(e);
                    }
                  });
      assertThat(new SocketFile(address()).bindPath()).hasParentRaw(directory);
      kernel.join();
      assertThat(answered).hasValue(1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void liveSocketIsNotTakenAndSurvivesTheAttempt(Transport transport) {
    try (TestServer first = new TestServer(directory, transport)) {
      Object key = fileKey();

      assertRefused("is the socket of a running daemon", "stop that one first");

      assertThat(fileKey()).isEqualTo(key);
      assertServes(first);
    }
  }

  @Test
  void liveSocketThatAppearsMeanwhileIsNotTakenEither() {
    SocketFile late = new SocketFile(address());
    Configuration configuration = TestServer.configuration(directory, Transport.NIO);
    try (TestServer first = new TestServer(directory, Transport.AUTO)) {
      assertThatThrownBy(
              () ->
                  Endpoint.open(
                      configuration,
                      first.snapshotter,
                      first.unpacker,
                      first.maker,
                      first.converter,
                      late,
                      EventLoops.open(Transport.NIO)))
          .isInstanceOf(StartException.class)
          .hasMessageContaining("is the socket of a running daemon");

      assertServes(first);
      assertThat(entries()).containsExactly("s.sock");
    }
  }

  @Test
  void socketOfAnotherIsLeftAloneByAStop() throws Exception {
    TestServer first = new TestServer(directory, Transport.AUTO);
    Files.delete(first.address);
    try (TestServer second = new TestServer(directory, Transport.AUTO)) {
      first.close();

      assertServes(second);
    }
  }

  @Test
  void directoryIsRefused() throws Exception {
    Files.createDirectory(address());

    assertRefused("is a directory", "name a socket in it, such as " + address());
    assertThat(address()).isEmptyDirectory();
  }

  @Test
  void fileIsRefusedAndKept() throws Exception {
    Files.writeString(address(), "precious");

    assertRefused("is a file, not a socket", "move it away");
    assertThat(address()).hasContent("precious");
  }

  @Test
  void danglingLinkIsRefusedAndKept() throws Exception {
    Files.createSymbolicLink(address(), directory.resolve("nowhere"));

    assertRefused("is a symbolic link", "name the socket itself");
    assertThat(address()).isSymbolicLink();
  }

  @Test
  void linkToALiveSocketIsRefused() throws Exception {
    try (TestServer first = new TestServer(directory, Transport.AUTO)) {
      Path link = directory.resolve("link");
      Files.createSymbolicLink(link, first.address);

      assertThatThrownBy(() -> new SocketFile(link))
          .isInstanceOf(StartException.class)
          .hasMessageContaining("is a symbolic link");
      assertServes(first);
    }
  }

  @Test
  void pathThatIsTooLongIsRefusedWithTheNumbers() {
    Path tooLong = Path.of("/", "s".repeat(106));

    assertThatThrownBy(() -> new SocketFile(tooLong))
        .isInstanceOf(StartException.class)
        .hasMessageContainingAll("107 bytes of at most 106", "choose a shorter path");
  }

  @Test
  void longestPathServes() throws Exception {
    int missing = 106 - directory.toString().length() - 1;
    Path deep = Files.createDirectories(directory.resolve("d".repeat(missing - 10)));
    Path address = deep.resolve("s".repeat(106 - deep.toString().length() - 1));
    assertThat(address.toString()).hasSize(106);
    Configuration configuration = TestServer.configuration(directory, Transport.AUTO, address);

    try (TestServer server = new TestServer(configuration)) {
      assertServes(server);
    }
  }

  @Test
  void missingDirectoriesAreMadeForOthersToPassThrough() throws Exception {
    Path deep = directory.resolve("run/gatun/s.sock");
    Configuration configuration = TestServer.configuration(directory, Transport.AUTO, deep);

    try (TestServer server = new TestServer(configuration)) {
      assertServes(server);
      for (Path made : new Path[] {directory.resolve("run"), directory.resolve("run/gatun")}) {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
            .isEqualTo("rwx--x--x");
      }
    }
  }

  @Test
  void fileInThePlaceOfADirectoryIsRefused() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "");

    assertThatThrownBy(
            () ->
                new TestServer(
                    TestServer.configuration(directory, Transport.AUTO, file.resolve("s.sock"))))
        .isInstanceOf(StartException.class)
        .hasMessageContaining(file.resolve("s.sock").toString());
  }

  private void assertRefused(String state, String remedy) {
    assertThatThrownBy(() -> new SocketFile(address()))
        .isInstanceOf(StartException.class)
        .hasMessageStartingWith("address " + address() + " ")
        .hasMessageContainingAll(state, remedy)
        .message()
        .doesNotContain("\n");
  }

  private static void assertServes(TestServer server) {
    assertThat(server.client().list(ListSnapshotsRequest.getDefaultInstance()).hasNext()).isFalse();
  }

  private Object fileKey() {
    try {
      return Files.getAttribute(address(), "unix:ino");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private List<String> entries() {
    try (var all = Files.list(directory)) {
      return all.map(file -> file.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
