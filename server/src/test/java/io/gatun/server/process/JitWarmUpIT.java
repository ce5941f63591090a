package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A started daemon without requests. */
@Timeout(300)
final class JitWarmUpIT {

  /** The time within which a warm-up has begun. */
  private static final long MOMENT_MILLIS = 5_000;

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({"auto, true", "directory, true", "auto, false"})
  void itWarmsUpUnlessToldNotToAndLeavesNothing(String layers, boolean isAsked) throws Exception {
    GatunProcess.Setup setup =
        GatunProcess.Setup.in(directory)
            .configured("layers = \"%s\"\nwarm_up = %s".formatted(layers, isAsked));
    try (GatunProcess daemon = GatunProcess.serve(setup);
        Client client = daemon.client()) {
      if (isAsked) {
        GatunProcess.await(() -> daemon.log().contains(" warm"));
        assertThat(daemon.log()).contains(" warmed up layers=400 ");
      } else {
        GatunProcess.sleep(MOMENT_MILLIS);
        assertThat(daemon.log()).doesNotContain(" warm");
      }
      assertThat(client.list()).isEmpty();
      assertThat(setup.root().resolve("layers")).doesNotExist();
      daemon.signal("TERM");
      assertThat(daemon.awaitEnd()).isZero();
    }
  }
}
