package io.gatun.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.PrepareSnapshotResponse;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.server.config.Transport;
import io.gatun.server.net.TestServer;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.StreamObserver;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The shutdown of a server. */
@Timeout(60)
final class DrainTest {

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
  void healthIsServingAndThenNotServingWhileACallIsInFlight() throws Exception {
    List<Watch> watches = List.of(new Watch(""), new Watch(SnapshotsGrpc.SERVICE_NAME));
    for (Watch watch : watches) {
      assertThat(watch.next()).isEqualTo(ServingStatus.SERVING);
    }
    Future<PrepareSnapshotResponse> call = server.callThatIsHeldUp();

    CompletableFuture<Void> closed = CompletableFuture.runAsync(server::closeEndpoint);

    for (Watch watch : watches) {
      assertThat(watch.next()).isEqualTo(ServingStatus.NOT_SERVING);
    }
    assertThat(call.isDone()).isFalse();
    server.snapshotter.open();
    assertThat(call.get(10, TimeUnit.SECONDS).getMountsCount()).isEqualTo(1);
    closed.get(10, TimeUnit.SECONDS);
  }

  @Test
  void whoWatchesHealthHoldsNothingUp() throws Exception {
    server.close();
    server =
        new TestServer(
            TestServer.configuration(directory, Transport.AUTO, TestServer.LONG_DRAIN_SECONDS));
    assertThat(new Watch("").next()).isEqualTo(ServingStatus.SERVING);

    CompletableFuture.runAsync(server::closeEndpoint)
        .get(TestServer.LONG_DRAIN_SECONDS / 2, TimeUnit.SECONDS);
  }

  @Test
  void callThatTakesLongerThanTheDrainTimeIsCutOffAndDoneAllTheSame() throws Exception {
    Future<PrepareSnapshotResponse> call = server.callThatIsHeldUp();
    try (LogCapture log = new LogCapture(Endpoint.class)) {
      CompletableFuture<Void> closed = CompletableFuture.runAsync(server::closeEndpoint);

      assertThatThrownBy(() -> call.get(20, TimeUnit.SECONDS))
          .hasRootCauseInstanceOf(StatusRuntimeException.class);
      assertThat(log.lines()).anyMatch(line -> line.startsWith("WARN calls cut off"));
      // The root must not be closed under a call in flight.
      assertThat(closed.isDone()).isFalse();
      server.snapshotter.open();
      closed.get(10, TimeUnit.SECONDS);
      assertThat(server.snapshotter.isEmpty()).isFalse();
    }
  }

  @Test
  void nobodyNewIsServedDuringADrain() throws Exception {
    Future<PrepareSnapshotResponse> call = server.callThatIsHeldUp();
    CompletableFuture<Void> closed = CompletableFuture.runAsync(server::closeEndpoint);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (server.address.toFile().exists()) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.sleep(5);
    }

    assertThatThrownBy(
            () -> server.client().prepare(PrepareSnapshotRequest.newBuilder().setKey("b").build()))
        .isInstanceOf(StatusRuntimeException.class);
    server.snapshotter.open();
    assertThat(call.get(10, TimeUnit.SECONDS).getMountsCount()).isEqualTo(1);
    closed.get(10, TimeUnit.SECONDS);
  }

  /** The states that a watch of a service's health reported, in order. */
  private final class Watch implements StreamObserver<HealthCheckResponse> {

    private final BlockingQueue<ServingStatus> statuses = new LinkedBlockingQueue<>();

    Watch(String service) {
      HealthGrpc.newStub(server.channel())
          .watch(HealthCheckRequest.newBuilder().setService(service).build(), this);
    }

    ServingStatus next() throws InterruptedException {
      ServingStatus status = statuses.poll(10, TimeUnit.SECONDS);
      return status == null ? ServingStatus.UNRECOGNIZED : status;
    }

    @Override
    public void onNext(HealthCheckResponse response) {
      statuses.add(response.getStatus());
    }

    @Override
    public void onError(Throwable failure) {
      // The server ended, in its last second.
    }

    @Override
    public void onCompleted() {}
  }
}
