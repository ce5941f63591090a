package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The daemon's memory and start time. */
@Timeout(300)
final class FootprintIT {

  private static final int SNAPSHOTS = 10_000;
  private static final int CHAIN_LENGTH = 10;
  private static final int CLIENTS = 16;
  private static final long RESIDENT_BYTES_MAX = 150L << 20;

  /**
   * For the compiler to become idle, which takes time on a busy machine, and for unused memory to
   * be returned.
   */
  private static final Duration QUIET = Duration.ofSeconds(30);

  private static final Duration STEADY = Duration.ofSeconds(5);

  /** Of CPU time, since the elapsed time depends on what else the machine runs. */
  private static final Duration START_MAX = Duration.ofSeconds(10);

  @TempDir Path directory;

  @Test
  void tenThousandIdleSnapshotsTakeAtMost150MiB() {
    GatunProcess.Setup setup =
        GatunProcess.Setup.asInstalled(directory)
            .configured("layer_sync = \"none\"\nwarm_up = true");
    try (GatunProcess daemon = GatunProcess.serve(setup);
        Client client = daemon.client()) {
      // Concurrent requests share the journal's syncs.
      try (ExecutorService clients = Executors.newFixedThreadPool(CLIENTS)) {
        for (int i = 0; i < SNAPSHOTS; i += CHAIN_LENGTH) {
          int first = i;
          var _ = clients.submit(() -> makeChain(client, first));
        }
      }
      assertThat(client.list()).hasSize(SNAPSHOTS);
      System.out.println("MiB when all are there: " + (daemon.residentBytes() >> 20));
      assertFits(daemon, "idle");

      daemon.signal("TERM");
      assertThat(daemon.awaitEnd()).isZero();
    }
    try (GatunProcess daemon = GatunProcess.serve(setup);
        Client client = daemon.client()) {
      assertThat(client.stat(name(0)).getName()).isEqualTo(name(0));
      Duration start = daemon.cpuTime();
      System.out.printf("CPU time from exec to the first answer: %d ms%n", start.toMillis());
      assertThat(start).isLessThan(START_MAX);
      assertThat(client.list()).hasSize(SNAPSHOTS);
      assertFits(daemon, "idle after a restart");
    }
  }

  private static void makeChain(Client client, int first) {
    for (int i = first; i < first + CHAIN_LENGTH; i++) {
      String key = "active " + i;
      client.prepare(key, i == first ? "" : name(i - 1));
      client.commit(name(i), key);
    }
  }

  /** Checks repeatedly, since an idle daemon must not grow. */
  private static void assertFits(GatunProcess daemon, String state) {
    await()
        .pollInterval(Duration.ofMillis(100))
        .atMost(QUIET)
        .during(STEADY)
        .untilAsserted(
            () ->
                assertThat(daemon.residentBytes())
                    .as(state)
                    .isLessThanOrEqualTo(RESIDENT_BYTES_MAX));
    System.out.printf("MiB %s: %d%n", state, daemon.residentBytes() >> 20);
  }

  /** A name like containerd's. */
  private static String name(int number) {
    return "k8s.io/%d/sha256:%064x".formatted(number, number);
  }
}
