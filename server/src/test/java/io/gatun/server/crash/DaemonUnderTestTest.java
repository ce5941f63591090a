package io.gatun.server.crash;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DaemonUnderTestTest {

  @TempDir Path directory;

  @Test
  void socketOfAnEarlierDaemonThatStillAcceptsIsNotTheOneToWaitFor() throws IOException {
    Path socket = directory.resolve("s");
    try (ServerSocketChannel _ = listen(socket);
        DaemonUnderTest daemon = start("sleep 0.1", socket)) {
      assertThat(daemon.awaitReadyOrEnd()).isFalse();
    }
  }

  @Test
  void socketThatTakesThePlaceOfAnEarlierOneIsTheDaemons() throws IOException {
    Path socket = directory.resolve("s");
    Path beside = directory.resolve("t");
    try (ServerSocketChannel _ = listen(socket);
        DaemonUnderTest daemon = start("exec sleep 60", socket);
        ServerSocketChannel later = listen(beside)) {
      Files.move(beside, socket, StandardCopyOption.ATOMIC_MOVE);
      var _ = Thread.ofVirtual().start(() -> greet(later));
      assertThat(daemon.awaitReadyOrEnd()).isTrue();
    }
  }

  @Test
  void daemonThatAcceptsAndSaysNothingIsNotReady() throws IOException {
    Path socket = directory.resolve("s");
    try (DaemonUnderTest daemon = start("exec sleep 1", socket);
        ServerSocketChannel _ = listen(socket)) {
      assertThat(daemon.awaitReadyOrEnd()).isFalse();
    }
  }

  private static void greet(ServerSocketChannel server) {
    try (SocketChannel connection = server.accept()) {
      connection.write(ByteBuffer.allocate(1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ServerSocketChannel listen(Path socket) throws IOException {
    return ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(socket));
  }

  private DaemonUnderTest start(String program, Path socket) throws IOException {
    Path log = Files.createFile(directory.resolve("log"));
    Optional<Object> left = DaemonUnderTest.keyOf(socket);
    return new DaemonUnderTest(new ProcessBuilder("sh", "-c", program).start(), socket, left, log);
  }
}
