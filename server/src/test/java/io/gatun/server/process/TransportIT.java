package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The daemon's transport on a kernel that allows all transports, and on one that does not. */
@Timeout(120)
final class TransportIT {

  private static final int CALLS = 100;

  @TempDir Path directory;

  @Test
  void ioUringCarriesTheCalls() {
    try (GatunProcess daemon = GatunProcess.serve(GatunProcess.Setup.in(directory));
        Client client = daemon.client()) {
      assertThat(daemon.log()).contains("transport=io_uring").doesNotContain("WARN");
      assertThat(IoUringRings.count(daemon.pid())).isPositive();
      client.prepare("a", "");
      long before = IoUringRings.completions(daemon.pid());
      for (int i = 0; i < CALLS; i++) {
        client.stat("a");
      }
      // Each call is read, and its answer is written.
      assertThat(IoUringRings.completions(daemon.pid()) - before)
          .isGreaterThanOrEqualTo(2L * CALLS);
    }
  }

  @Test
  void epollServesWhereIoUringIsRefused() {
    assertServesWith(
        "epoll", "io_uring", SystemCallFilter.refusing(directory, SystemCallFilter.IO_URING_SETUP));
  }

  @Test
  void nioServesWhereEpollFailsTooForNettyNeedsATimerThere() {
    assertServesWith(
        "nio",
        "epoll",
        SystemCallFilter.refusing(
            directory, SystemCallFilter.IO_URING_SETUP, SystemCallFilter.TIMERFD_CREATE));
  }

  private void assertServesWith(String transport, String refused, String[] filter) {
    try (GatunProcess daemon = GatunProcess.serve(GatunProcess.Setup.in(directory).under(filter));
        Client client = daemon.client()) {
      assertThat(daemon.log().lines())
          .anySatisfy(
              line ->
                  assertThat(line)
                      .contains("WARN", "transport unavailable transport=" + refused, "error="));
      assertThat(daemon.log()).contains("transport=" + transport + " ");
      assertThat(IoUringRings.count(daemon.pid())).isZero();
      client.prepare("a", "");
      assertThat(client.list()).hasSize(1);
      daemon.signal("TERM");
      assertThat(daemon.awaitEnd()).isZero();
    }
  }
}
