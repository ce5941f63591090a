package io.gatun.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a daemon asks itself. */
@Timeout(60)
final class OwnCallsTest {

  @TempDir Path directory;
  private TestServer server;
  private OwnCalls calls;

  @BeforeEach
  void start() {
    server = new TestServer(directory, Transport.AUTO);
    calls = new OwnCalls(new SharedChannel(server::channel));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void nothingComesOfThem() {
    calls.ask();
    calls.ask();
    assertThat(calls.count()).isEqualTo(2 * 3);
    assertThat(server.snapshotter.isEmpty()).isTrue();
  }

  @Test
  void aDaemonThatDoesNotAnswerIsNoAnswer() {
    server.closeEndpoint();
    assertThatThrownBy(calls::ask)
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE));
    assertThat(calls.count()).isEqualTo(1);
  }
}
