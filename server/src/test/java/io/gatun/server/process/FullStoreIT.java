package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.MountsRequest;
import io.gatun.proto.snapshots.UpdateSnapshotRequest;
import io.gatun.proto.snapshots.UsageRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A daemon with the maximum number of snapshots. */
@Timeout(120)
final class FullStoreIT {

  /** The lowest value that can be configured. */
  private static final int ENTRIES_MAX = 100;

  private static final int REMOVED = 3;

  @TempDir Path directory;

  @Test
  void refusesWhatAddsAndServesTheRest() {
    GatunProcess.Setup setup =
        GatunProcess.Setup.in(directory).configured("metadata_entries_max = " + ENTRIES_MAX);
    try (GatunProcess daemon = GatunProcess.serve(setup);
        Client client = daemon.client()) {
      client.prepare("active 0", "");
      client.commit("base", "active 0");
      for (int i = 1; i < ENTRIES_MAX; i++) {
        client.prepare("active " + i, "base");
      }
      List<Info> full = client.list();
      assertThat(full).hasSize(ENTRIES_MAX);

      assertFull(client);
      assertThat(client.list()).isEqualTo(full);
      assertServesTheRest(client);

      // A full store stays full, and removal still works, over a restart.
      daemon.signal("TERM");
      assertThat(daemon.awaitEnd()).isZero();
    }
    try (GatunProcess daemon = GatunProcess.serve(setup);
        Client client = daemon.client()) {
      assertFull(client);
      for (int i = 1; i <= REMOVED; i++) {
        client.remove("active " + i);
      }
      for (int i = 1; i <= REMOVED; i++) {
        client.prepare("again " + i, "base");
      }
      assertFull(client);
      assertThat(client.list()).hasSize(ENTRIES_MAX);
    }
  }

  private static void assertFull(Client client) {
    assertThatThrownBy(() -> client.prepare("one too many", "base"))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
              assertThat(e.getStatus().getDescription())
                  .contains("holds 100 snapshots, the configured maximum");
            });
  }

  private static void assertServesTheRest(Client client) {
    assertThat(client.stat("active 7").getParent()).isEqualTo("base");
    assertThat(
            client
                .calls()
                .mounts(MountsRequest.newBuilder().setKey("active 7").build())
                .getMountsCount())
        .isEqualTo(1);
    assertThat(
            client.calls().usage(UsageRequest.newBuilder().setKey("active 7").build()).getInodes())
        .isPositive();
    assertThat(
            client
                .calls()
                .update(
                    UpdateSnapshotRequest.newBuilder()
                        .setInfo(Info.newBuilder().setName("active 7").putLabels("l", "1"))
                        .build())
                .getInfo()
                .getLabelsMap())
        .containsEntry("l", "1");
    // The same number as before.
    client.commit("layer", "active 8");
    client.remove("layer");
    client.prepare("active 8", "base");
  }
}
