package io.gatun.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.UnknownFieldSet;
import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.PrepareSnapshotResponse;
import io.gatun.proto.snapshots.RemoveSnapshotRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.SnapshotsGrpc.SnapshotsFutureStub;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.server.config.Transport;
import io.gatun.server.net.TestServer;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The shared limits of requests. */
@Timeout(60)
final class RequestLimitsTest {

  /** A value that makes a request almost as large as is allowed. */
  private static final String LARGE_VALUE = "x".repeat(310_000);

  /** The number of those that fit into the memory. */
  private static final int HELD_MAX = 3;

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
  void largeRequestsAreRefusedWhileOthersAreInFlightAndRemoveIsNot() throws Exception {
    server.snapshotter.prepare("a", "", Map.of());
    SnapshotsFutureStub client = SnapshotsGrpc.newFutureStub(server.channel());
    server.snapshotter.close();
    List<ListenableFuture<PrepareSnapshotResponse>> calls = new ArrayList<>();
    // Sequentially, since concurrent ones may get in each other's way.
    for (int held = 1; held <= HELD_MAX; held++) {
      int expected = held;
      calls.add(client.prepare(large("held " + held)));
      await(() -> server.snapshotter.waiting() == expected);
    }
    for (int i = 0; i < 17; i++) {
      calls.add(client.prepare(large("refused " + i)));
    }
    await(() -> calls.stream().filter(ListenableFuture::isDone).count() == 17);

    var removal = client.remove(RemoveSnapshotRequest.newBuilder().setKey("a").build());
    await(() -> server.snapshotter.waiting() == HELD_MAX + 1);
    server.snapshotter.open();

    removal.get(10, TimeUnit.SECONDS);
    int answered = 0;
    for (ListenableFuture<PrepareSnapshotResponse> call : calls) {
      try {
        call.get(10, TimeUnit.SECONDS);
        answered++;
      } catch (ExecutionException e) {
        assertThat(Status.fromThrowable(e).getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
        assertThat(e).hasMessageContaining("request_memory_bytes_max=33554432");
      }
    }
    assertThat(answered).isEqualTo(HELD_MAX);
    // All memory is returned.
    for (int i = 0; i < 20; i++) {
      client.prepare(large("again " + i)).get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void requestsWhoseClientHasGoneLeaveTheQueue() throws Exception {
    server.close();
    server = new TestServer(TestServer.configuration(directory, Transport.AUTO, 1, 16, 16));
    server.snapshotter.prepare("a", "", Map.of());
    // On one connection, which keeps the order.
    ManagedChannel channel = server.channel();
    SnapshotsFutureStub client = SnapshotsGrpc.newFutureStub(channel);
    StatSnapshotRequest statOfA = StatSnapshotRequest.newBuilder().setKey("a").build();
    client.stat(statOfA).get(10, TimeUnit.SECONDS);
    server.snapshotter.close();
    var running = client.prepare(PrepareSnapshotRequest.newBuilder().setKey("running").build());
    await(() -> server.snapshotter.waiting() == 1);

    // Each takes almost a third of the memory, also in the queue.
    for (int i = 0; i < 12; i++) {
      var queued = client.prepare(large("queued " + i));
      client.stat(statOfA).get(10, TimeUnit.SECONDS);
      assertThat(queued.isDone()).isFalse();
      queued.cancel(true);
    }
    server.snapshotter.open();

    running.get(10, TimeUnit.SECONDS);
  }

  @Test
  void requestThatDoesNotComeToItsEndIsGivenUp() throws Exception {
    ClientCall<StatSnapshotRequest, ?> call =
        server.channel().newCall(SnapshotsGrpc.getStatMethod(), CallOptions.DEFAULT);
    CompletableFuture<Status> end = new CompletableFuture<>();
    start(call, end);
    call.sendMessage(StatSnapshotRequest.getDefaultInstance());

    Status status = end.get(RequestLimits.RECEIVE_SECONDS_MAX + 10, TimeUnit.SECONDS);

    assertThat(status.getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
    assertThat(status.getDescription()).contains("not complete after 10 s");
  }

  @Test
  void compressedRequestsAreRefused() {
    assertThatThrownBy(() -> server.client().withCompression("gzip").prepare(large("a")))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.UNIMPLEMENTED));
  }

  @Test
  void filtersMayTakeLessThanOtherRequests() {
    assertThatThrownBy(
            () ->
                server
                    .client()
                    .list(
                        ListSnapshotsRequest.newBuilder()
                            .addFilters("a,".repeat(150_000) + "a")
                            .build())
                    .hasNext())
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
              assertThat(e.getStatus().getDescription()).contains("send less");
            });
  }

  @Test
  void fieldsThatAreNotKnownAreNotKept() throws Exception {
    PrepareSnapshotRequest.Builder request = PrepareSnapshotRequest.newBuilder().setKey("a");
    request.setUnknownFields(
        UnknownFieldSet.newBuilder()
            .addField(900, UnknownFieldSet.Field.newBuilder().addVarint(7).build())
            .build());
    var marshaller =
        RequestDecoding.strict(
                new SnapshotsService(server.snapshotter, new RpcExecutor(1, 1, 1, 1)).bindService())
            .getMethod(SnapshotsGrpc.getPrepareMethod().getFullMethodName())
            .getMethodDescriptor()
            .getRequestMarshaller();

    Object read = marshaller.parse(request.build().toByteString().newInput());

    assertThat(read).isEqualTo(PrepareSnapshotRequest.newBuilder().setKey("a").build());
  }

  private static PrepareSnapshotRequest large(String key) {
    return PrepareSnapshotRequest.newBuilder().setKey(key).putLabels("l", LARGE_VALUE).build();
  }

  private static <R> void start(ClientCall<?, R> call, CompletableFuture<Status> end) {
    call.start(
        new ClientCall.Listener<R>() {
          @Override
          public void onClose(Status status, Metadata trailers) {
            end.complete(status);
          }
        },
        new Metadata());
    call.request(2);
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
      Thread.sleep(5);
    }
  }
}
