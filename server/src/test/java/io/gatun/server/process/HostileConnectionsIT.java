package io.gatun.server.process;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.proto.snapshots.StatSnapshotResponse;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Connections that do not speak the protocol: each is closed, and a client beside them is served as
 * usual.
 */
@Timeout(120)
final class HostileConnectionsIT {

  /** The daemon's own limits are ten seconds. */
  private static final long PATIENCE_SECONDS = 20;

  private static final int CONNECTIONS = 3_000;

  private static final byte[] PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(US_ASCII);
  private static final byte[] EMPTY_SETTINGS = {0, 0, 0, 4, 0, 0, 0, 0, 0};

  @TempDir static Path directory;
  private static GatunProcess daemon;
  private static Client client;
  private static List<Info> before;

  @BeforeAll
  static void start() {
    daemon = GatunProcess.serve(GatunProcess.Setup.in(directory));
    client = daemon.client();
    client.prepare("a", "");
    before = client.list();
  }

  @AfterEach
  void theClientIsServedAsEver() {
    assertThat(client.list()).isEqualTo(before);
    try (Client another = daemon.client()) {
      assertThat(another.list()).isEqualTo(before);
    }
  }

  @AfterAll
  static void stop() {
    assertThat(daemon.log()).doesNotContain("Exception", "\tat ");
    client.close();
    daemon.close();
  }

  @Test
  void silence() throws Exception {
    assertClosed(new byte[0]);
  }

  @Test
  void halfAPreface() throws Exception {
    assertClosed("PRI * HTTP/2.0\r\n".getBytes(US_ASCII));
  }

  @Test
  void anotherProtocol() throws Exception {
    assertClosed("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(US_ASCII));
    assertClosed("SSH-2.0-client\r\n".getBytes(US_ASCII));
  }

  @Test
  void anythingAtAll() throws Exception {
    long seed = System.nanoTime();
    System.out.println("seed=" + seed);
    Random random = new Random(seed);
    for (int i = 0; i < 50; i++) {
      byte[] bytes = new byte[100_000];
      random.nextBytes(bytes);
      assertClosed(bytes);
      // Invalid frames after a valid beginning; the first one is always too long.
      bytes[0] = (byte) 0xFF;
      assertThat(assertClosed(PREFACE, EMPTY_SETTINGS, bytes)).contains("exceeds maximum");
    }
  }

  @Test
  void framesOfStreamsThatAreNotOpen() throws Exception {
    byte[] dataOnStreamOne = {0, 0, 1, 0, 0, 0, 0, 0, 1, 'x'};

    assertThat(assertClosed(PREFACE, EMPTY_SETTINGS, dataOnStreamOne)).contains("tream 1");
  }

  @Test
  void requestThatDoesNotComeToItsEnd() throws Exception {
    ClientCall<StatSnapshotRequest, StatSnapshotResponse> call =
        client.channel().newCall(SnapshotsGrpc.getStatMethod(), CallOptions.DEFAULT);
    CompletableFuture<Status> end = new CompletableFuture<>();
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onClose(Status status, Metadata trailers) {
            end.complete(status);
          }
        },
        new Metadata());
    call.request(1);
    call.sendMessage(StatSnapshotRequest.newBuilder().setKey("a").build());

    Status status = end.get(PATIENCE_SECONDS, TimeUnit.SECONDS);

    assertThat(status.getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
    assertThat(status.getDescription()).contains("not complete after 10 s");
  }

  @Test
  void thousandsAtATime() throws Exception {
    List<Connection> connections = new ArrayList<>();
    try {
      for (int i = 0; i < CONNECTIONS; i++) {
        connections.add(Connection.open(daemon.address()));
      }
      assertThat(client.list()).isEqualTo(before);
      // The kernel connects them before the daemon accepts them (connect(2) on a unix socket only
      // waits for a place in the backlog), and another event loop may answer meanwhile.
      GatunProcess.await(() -> daemon.log().contains("\"max_connections=32 are open\""));
      for (Connection connection : connections) {
        connection.readToEnd(PATIENCE_SECONDS);
      }
    } finally {
      for (Connection connection : connections) {
        connection.close();
      }
    }
  }

  private static String assertClosed(byte[]... parts) throws IOException {
    try (Connection connection = Connection.open(daemon.address())) {
      ByteString all = ByteString.EMPTY;
      for (byte[] part : parts) {
        all = all.concat(ByteString.copyFrom(part));
      }
      connection.send(all.toByteArray());
      return connection.readToEnd(PATIENCE_SECONDS);
    }
  }
}
