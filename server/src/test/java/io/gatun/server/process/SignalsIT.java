package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.util.concurrent.ListenableFuture;
import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.Kind;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.PrepareSnapshotResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The end of the daemon, and its next start. */
@Timeout(900)
final class SignalsIT {

  /**
   * A thread that touches a mapped file of a frozen filesystem blocks garbage collection, so
   * nothing else that allocates memory may run.
   */
  private static final String ALONE = "warm_up = false";

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"TERM", "INT"})
  void signalAnswersWhatIsInFlightAndEndsWithZero(String signal) throws Exception {
    try (FrozenDisk disk = FrozenDisk.mount(directory)) {
      GatunProcess.Setup setup =
          GatunProcess.Setup.in(directory)
              .configured(ALONE)
              .with("--root", disk.directory().resolve("root").toString());
      try (GatunProcess daemon = GatunProcess.serve(setup);
          Client client = daemon.client()) {
        client.prepare("before", "");
        // Otherwise a collection may delay the signal.
        daemon.collectGarbage();
        disk.freeze();
        ListenableFuture<PrepareSnapshotResponse> call;
        try {
          call =
              client.futures().prepare(PrepareSnapshotRequest.newBuilder().setKey("slow").build());
          GatunProcess.await(() -> disk.holdsUp(daemon.pid()));

          daemon.signal(signal);
          GatunProcess.await(() -> !Files.exists(daemon.address()));
          // A second signal has no effect.
          daemon.signal(signal);
          daemon.signal("TERM");
          GatunProcess.sleep(200);
          assertThat(daemon.isAlive()).isTrue();
          assertThat(call.isDone()).isFalse();
        } finally {
          // Even SIGKILL does not end a thread that waits for the disk.
          disk.thaw();
        }
        assertThat(call.get(30, TimeUnit.SECONDS).getMountsCount()).isEqualTo(1);
        assertThat(daemon.awaitEnd()).isZero();
        assertThat(daemon.log().strip()).endsWith("stopped");
      }
      try (GatunProcess daemon = GatunProcess.serve(setup);
          Client client = daemon.client()) {
        assertThat(daemon.log()).contains("snapshots=2 after=clean-stop");
        assertThat(client.list())
            .extracting(Info::getName)
            .containsExactlyInAnyOrder("before", "slow");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"TERM", "INT"})
  void signalWhileItStartsEndsItInOrderOnceItHas(String signal) {
    try (FrozenDisk disk = FrozenDisk.mount(directory)) {
      GatunProcess.Setup setup =
          GatunProcess.Setup.in(directory)
              .configured(ALONE)
              .with("--root", disk.directory().resolve("root").toString());
      try (GatunProcess daemon = GatunProcess.serve(setup);
          Client client = daemon.client()) {
        client.prepare("before", "");
        daemon.signal("TERM");
        assertThat(daemon.awaitEnd()).isZero();
      }
      disk.freeze();
      try (GatunProcess daemon = GatunProcess.launch(setup)) {
        try {
          GatunProcess.await(
              () -> daemon.hasOpened(setup.root()) && disk.holdsUp(daemon.startedPid()));
          daemon.signalStarted(signal);
          GatunProcess.sleep(200);
          assertThat(daemon.isAlive()).isTrue();
          assertThat(daemon.log()).doesNotContain("serving");
        } finally {
          disk.thaw();
        }
        assertThat(daemon.awaitEnd()).as(daemon.log()).isZero();
        assertThat(daemon.log().strip()).endsWith("stopped");
        assertThat(daemon.log()).doesNotContain("\tat ");
        assertThat(daemon.address()).doesNotExist();
      }
      try (GatunProcess daemon = GatunProcess.serve(setup);
          Client client = daemon.client()) {
        assertThat(daemon.log()).contains("snapshots=1");
        assertThat(client.list()).extracting(Info::getName).containsExactly("before");
      }
    }
  }

  @Test
  void killedDaemonStartsAgainWithAllThatItAcknowledged() {
    GatunProcess.Setup setup = GatunProcess.Setup.in(directory);
    List<Info> before;
    try (GatunProcess daemon = GatunProcess.serve(setup);
        Client client = daemon.client()) {
      for (int i = 0; i < 20; i++) {
        client.prepare("active " + i, "");
        client.commit("layer " + i, "active " + i);
        client.prepare("container " + i, "layer " + i);
      }
      before = client.list();
      daemon.signal("KILL");
      assertThat(daemon.awaitEnd()).isEqualTo(128 + 9);
      assertThat(daemon.address()).exists();
    }
    try (GatunProcess daemon = GatunProcess.serve(setup);
        Client client = daemon.client()) {
      assertThat(client.list()).isEqualTo(before).hasSize(40);
      client.prepare("after", "layer 7");
      assertThat(client.stat("after").getKind()).isEqualTo(Kind.ACTIVE);
      daemon.signal("TERM");
      assertThat(daemon.awaitEnd()).isZero();
      assertThat(daemon.address()).doesNotExist();
    }
  }

  @Test
  void secondDaemonIsRefusedAndTheFirstServesOn() {
    GatunProcess.Setup setup = GatunProcess.Setup.in(directory);
    try (GatunProcess first = GatunProcess.serve(setup);
        Client client = first.client()) {
      client.prepare("a", "");
      String otherRoot = directory.resolve("other").toString();
      String otherSocket = directory.resolve("other.sock").toString();

      assertThat(refusal(setup)).contains("is the socket of a running daemon");
      assertThat(refusal(setup.with("--root", otherRoot)))
          .contains("address " + setup.address(), "stop that one first");
      assertThat(refusal(setup.with("--address", otherSocket)))
          .contains("root " + setup.root() + " is in use by another gatun");

      assertThat(Path.of(otherSocket)).doesNotExist();
      assertThat(Path.of(otherRoot)).doesNotExist();
      try (Client another = first.client()) {
        assertThat(another.list()).hasSize(1);
      }
      assertThat(client.stat("a").getName()).isEqualTo("a");
    }
  }

  private static String refusal(GatunProcess.Setup setup) {
    try (GatunProcess second = GatunProcess.launch(setup)) {
      assertThat(second.awaitEnd()).isEqualTo(1);
      assertThat(second.log().lines()).hasSize(1);
      return second.log();
    }
  }
}
