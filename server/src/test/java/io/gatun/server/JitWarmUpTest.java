package io.gatun.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.gatun.server.config.Transport;
import io.gatun.server.net.TestServer;
import io.gatun.snapshot.SnapshotException;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The server's work before the first image. */
@Timeout(60)
final class JitWarmUpTest {

  /** For waiting for an event that must not happen. */
  private static final long MOMENT_MILLIS = 1_000;

  @TempDir Path directory;
  private TestServer server;

  @BeforeEach
  void start() {
    server = new TestServer(directory, Transport.AUTO);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void oneLayerIsReadToItsEndManyTimes() {
    server.warmUp();
    assertThat(server.unpacker.warmUps).hasSizeGreaterThan(10).doesNotContain(ByteString.EMPTY);
    assertThat(server.unpacker.warmUps.stream().distinct()).hasSize(1);
  }

  @Test
  void itWaitsAsLongAsThereAreCalls() throws Exception {
    var call = server.callThatIsHeldUp();
    CompletableFuture<Void> warm = CompletableFuture.runAsync(server::warmUp);
    Thread.sleep(MOMENT_MILLIS);
    assertThat(server.unpacker.warmUps).isEmpty();

    server.snapshotter.open();
    assertThat(call.get(10, TimeUnit.SECONDS).getMountsCount()).isEqualTo(1);
    warm.get(10, TimeUnit.SECONDS);
    assertThat(server.unpacker.warmUps).isNotEmpty();
  }

  @Test
  void itPausesWhileOthersAskAndNotForWhatItAsksItself() throws Exception {
    CompletableFuture<Void> warm = CompletableFuture.runAsync(server::warmUp);
    awaitBegun();
    var call = server.callThatIsHeldUp();
    // The layer in progress, and perhaps one of its own calls.
    Thread.sleep(MOMENT_MILLIS);
    int before = server.unpacker.warmUps.size();
    Thread.sleep(MOMENT_MILLIS);
    assertThat(server.unpacker.warmUps).hasSize(before);

    server.snapshotter.open();
    call.get(10, TimeUnit.SECONDS);
    warm.get(30, TimeUnit.SECONDS);
    assertThat(server.unpacker.warmUps).hasSizeGreaterThan(before);
  }

  private void awaitBegun() throws InterruptedException {
    while (server.unpacker.warmUps.isEmpty()) {
      Thread.sleep(1);
    }
  }

  @Test
  void anEndpointThatClosesHasItEndEarly() throws Exception {
    try (LogCapture log = new LogCapture(JitWarmUp.class)) {
      CompletableFuture<Void> warm = CompletableFuture.runAsync(server::warmUp);
      awaitBegun();
      server.closeEndpoint();
      warm.get(10, TimeUnit.SECONDS);
      assertThat(log.lines())
          .singleElement()
          .asString()
          .startsWith("INFO warming up ended early layers=")
          .contains("UNAVAILABLE");
    }
  }

  @Test
  void aDaemonThatStopsHasItEndEarly() {
    server.unpacker.fail(new SnapshotException.Unavailable("stopping", null));
    try (LogCapture log = new LogCapture(JitWarmUp.class)) {
      server.warmUp();
      assertThat(log.lines())
          .containsExactly("INFO warming up ended early layers=0 error=\"stopping\"");
    }
  }

  @Test
  void aBugIsLoggedAndEndsNothingElse() {
    server.unpacker.fail(new IllegalStateException("a bug"));
    try (LogCapture log = new LogCapture(JitWarmUp.class)) {
      server.warmUp();
      assertThat(log.lines()).containsExactly("ERROR cannot warm up");
    }
  }
}
