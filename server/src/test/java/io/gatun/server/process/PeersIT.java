package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Access of peers where the modes of the socket and of its directories admit all users. */
@Timeout(120)
final class PeersIT {

  private static final int UID = 54_321;
  private static final int GID = 54_322;

  /** An empty message in gRPC's framing: requests the health of the whole server. */
  private static final byte[] EMPTY_MESSAGE = new byte[5];

  @TempDir Path directory;

  @BeforeEach
  void openToAll() throws IOException {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path message = Files.write(directory.resolve("message"), EMPTY_MESSAGE);
    Files.setPosixFilePermissions(message, PosixFilePermissions.fromString("rw-r--r--"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"io_uring", "epoll", "nio"})
  void onlyRootIsServed(String transport) throws Exception {
    try (GatunProcess daemon = serve(transport, "")) {
      assertThat(ask(daemon, 0, 0).output()).contains("grpc-status: 0");
      assertThat(ask(daemon, UID, GID).output()).doesNotContain("grpc-status", "HTTP/2");
      // A group is not a user: root's group admits no one.
      assertThat(ask(daemon, UID, 0).output()).doesNotContain("grpc-status", "HTTP/2");
      assertThat(daemon.log().lines())
          .anySatisfy(
              line ->
                  assertThat(line)
                      .contains(
                          "WARN",
                          "connection refused",
                          "neither root nor in allowed_uids or allowed_gids"));
      assertThat(ask(daemon, 0, 0).output()).contains("grpc-status: 0");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"io_uring", "epoll", "nio"})
  void whoIsNamedIsServedToo(String transport) throws Exception {
    String configuration = "allowed_uids = [%d]\nallowed_gids = [%d]\n".formatted(UID, GID);
    try (GatunProcess daemon = serve(transport, configuration)) {
      assertThat(ask(daemon, 0, 0).output()).contains("grpc-status: 0");
      assertThat(ask(daemon, UID, 7).output()).contains("grpc-status: 0");
      assertThat(ask(daemon, 7, GID).output()).contains("grpc-status: 0");
      assertThat(ask(daemon, 7, 7).output()).doesNotContain("grpc-status", "HTTP/2");
      assertThat(ask(daemon, GID, UID).output()).doesNotContain("grpc-status", "HTTP/2");
    }
  }

  private GatunProcess serve(String transport, String configuration) throws IOException {
    GatunProcess daemon =
        GatunProcess.serve(
            GatunProcess.Setup.in(directory)
                .configured("transport = \"%s\"\n%s".formatted(transport, configuration)));
    assertThat(daemon.log()).contains("transport=" + transport + " ");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(daemon.address())))
        .isEqualTo("rw-------");
    Files.setPosixFilePermissions(daemon.address(), PosixFilePermissions.fromString("rw-rw-rw-"));
    return daemon;
  }

  /** {@return the result of a client with this user and group} */
  private Commands.Outcome ask(GatunProcess daemon, int uid, int gid) {
    return Commands.attempt(
        "setpriv",
        "--reuid=" + uid,
        "--regid=" + gid,
        "--clear-groups",
        "curl",
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--dump-header",
        "-",
        "--output",
        "/dev/null",
        "--http2-prior-knowledge",
        "--unix-socket",
        daemon.address().toString(),
        "--header",
        "content-type: application/grpc",
        "--header",
        "te: trailers",
        "--data-binary",
        "@" + directory.resolve("message"),
        "http://localhost/grpc.health.v1.Health/Check");
  }
}
