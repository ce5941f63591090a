package io.gatun.server.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.proto.snapshots.SnapshotsGrpc.SnapshotsBlockingStub;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.server.LogCapture;
import io.gatun.server.config.StartException;
import io.gatun.server.config.Transport;
import io.gatun.server.process.IoUringRings;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The choice of the transport, and that it carries the traffic. */
@Timeout(60)
final class EventLoopsTest {

  private static final long SELF = ProcessHandle.current().pid();
  private static final int CALLS = 200;

  @TempDir Path directory;

  @Test
  void bytesGoThroughIoUringWhereTheKernelHasIt() {
    int ringsBefore = IoUringRings.count(SELF);
    try (TestServer server = new TestServer(directory, Transport.AUTO)) {
      assertThat(server.transport())
          .as(EventLoops.obstacle(Transport.IO_URING).orElse("the kernel has io_uring"))
          .isEqualTo(Transport.IO_URING);
      serveOne(server);
      assertThat(IoUringRings.count(SELF)).as("open rings").isGreaterThan(ringsBefore);
      long before = IoUringRings.completions(SELF);
      for (int i = 0; i < CALLS; i++) {
        serveOne(server);
      }
      // Each call is read, and its answer is written.
      assertThat(IoUringRings.completions(SELF) - before).isGreaterThanOrEqualTo(2L * CALLS);
    }
    assertThat(IoUringRings.count(SELF)).as("rings left open").isEqualTo(ringsBefore);
  }

  @ParameterizedTest
  @EnumSource(
      value = Transport.class,
      names = {"EPOLL", "NIO"})
  void otherTransportsServeWithoutARing(Transport transport) {
    int ringsBefore = IoUringRings.count(SELF);
    try (TestServer server = new TestServer(directory, transport)) {
      assertThat(server.transport()).isEqualTo(transport);
      serveOne(server);
      assertThat(IoUringRings.count(SELF)).isEqualTo(ringsBefore);
    }
  }

  @Test
  void whatIsRefusedIsLoggedAndTheNextOneServes() {
    Map<Set<Transport>, Transport> taken =
        Map.of(
            EnumSet.noneOf(Transport.class), Transport.IO_URING,
            EnumSet.of(Transport.IO_URING), Transport.EPOLL,
            EnumSet.of(Transport.IO_URING, Transport.EPOLL), Transport.NIO);
    taken.forEach(
        (refused, expected) -> {
          try (LogCapture log = new LogCapture(EventLoops.class);
              TestServer server =
                  new TestServer(
                      TestServer.configuration(directory, Transport.AUTO),
                      EventLoops.open(
                          Transport.AUTO,
                          transport ->
                              refused.contains(transport)
                                  ? Optional.of("errno 1 for " + transport)
                                  : Optional.empty()))) {
            assertThat(server.transport()).isEqualTo(expected);
            serveOne(server);
            assertThat(log.lines()).hasSameSizeAs(refused);
            for (Transport transport : refused) {
              assertThat(log.lines())
                  .anySatisfy(
                      line ->
                          assertThat(line)
                              .startsWith("WARN")
                              .contains("transport=" + transport.configName())
                              .contains("errno 1 for " + transport));
            }
          }
        });
  }

  @Test
  void transportThatWasChosenIsNotReplacedByAnother() {
    assertThatThrownBy(
            () ->
                EventLoops.open(Transport.IO_URING, transport -> Optional.of("it is switched off")))
        .isInstanceOf(StartException.class)
        .hasMessageContainingAll("io_uring", "it is switched off", "transport = \"auto\"")
        .message()
        .doesNotContain("\n");
  }

  private static void serveOne(TestServer server) {
    if (server.snapshotter.isEmpty()) {
      server.snapshotter.prepare("a", "", Map.of());
    }
    SnapshotsBlockingStub client = server.sharedClient();
    assertThat(client.stat(StatSnapshotRequest.newBuilder().setKey("a").build()).getInfo())
        .satisfies(info -> assertThat(info.getName()).isEqualTo("a"));
  }
}
