package io.gatun.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.gatun.server.config.Transport;
import io.gatun.server.content.SharedChannel;
import io.gatun.server.net.TestServer;
import io.gatun.server.rpc.CallLog;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** A daemon's calls to itself. */
@Timeout(60)
final class LoopbackCallsTest {

  @TempDir Path directory;
  private TestServer server;
  private LoopbackCalls calls;

  @BeforeEach
  void start() {
    server = new TestServer(directory, Transport.AUTO);
    calls = new LoopbackCalls(new SharedChannel(server::channel));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void nothingComesOfThem() {
    Logger logger = (Logger) LoggerFactory.getLogger(CallLog.class);
    Level before = logger.getLevel();
    logger.setLevel(Level.DEBUG);
    try (LogCapture log = new LogCapture(CallLog.class)) {
      calls.ask();
      calls.ask();
      List<String> round =
          List.of(
              "DEBUG rpc method=Stat code=NOT_FOUND",
              "DEBUG rpc method=Prepare code=INVALID_ARGUMENT",
              "DEBUG rpc method=List code=OK");
      assertThat(log.lines())
          .extracting(line -> line.replaceAll(" duration_micros=.*", ""))
          .containsExactlyElementsOf(Stream.of(round, round).flatMap(List::stream).toList());
    } finally {
      logger.setLevel(before);
    }
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
