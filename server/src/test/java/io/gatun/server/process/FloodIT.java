package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.RemoveSnapshotRequest;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Sends as many bad requests at once as a client can: the daemon survives, refuses them with a
 * reason, and has returned its memory ten seconds later.
 */
@Timeout(300)
final class FloodIT {

  private static final int CONNECTIONS = 16;

  /** Only some of them are open at a time; the rest waits in the client. */
  private static final int CALLS_PER_CONNECTION = 150;

  private static final long RECOVERY_MILLIS = 10_000;
  private static final long PATIENCE_SECONDS = 90;

  @TempDir Path directory;

  @Test
  void memoryIsBackTenSecondsLater() throws Exception {
    try (GatunProcess daemon = GatunProcess.serve(GatunProcess.Setup.in(directory));
        Client client = daemon.client()) {
      long cold = daemon.residentBytes();
      for (int i = 0; i < 40; i++) {
        client.calls().prepare(largeSnapshot(i));
      }
      List<Info> before = client.list();
      // The first pass loads and compiles code, whose memory stays; a leak shows in the next ones.
      floods(daemon);
      GatunProcess.sleep(RECOVERY_MILLIS);
      long warm = daemon.residentBytes();

      long most = floods(daemon);
      GatunProcess.sleep(RECOVERY_MILLIS);

      long later = daemon.residentBytes();
      System.out.printf(
          "resident MiB: cold=%d warm=%d most=%d later=%d%n",
          cold >> 20, warm >> 20, most >> 20, later >> 20);
      assertThat(later).isLessThanOrEqualTo(warm + warm / 10);
      assertThat(client.list()).isEqualTo(before);
      assertThat(daemon.log()).doesNotContain("OutOfMemory", "ERROR", "\tat ");
      daemon.signal("TERM");
      assertThat(daemon.awaitEnd()).isZero();
    }
  }

  /** Runs all floods one after the other; returns the maximum of resident memory. */
  private static long floods(GatunProcess daemon) throws InterruptedException {
    long most = 0;
    byte[] ordinaryRemoval =
        RemoveSnapshotRequest.newBuilder().setKey("r".repeat(4_000)).build().toByteArray();
    assertThat(flood(daemon, "Prepare", largeRequest()))
        .containsKeys(Status.Code.RESOURCE_EXHAUSTED);
    most = Math.max(most, daemon.residentBytes());
    assertThat(flood(daemon, "Prepare", manyLabels()))
        .containsKeys(Status.Code.RESOURCE_EXHAUSTED, Status.Code.INVALID_ARGUMENT);
    most = Math.max(most, daemon.residentBytes());
    assertThat(flood(daemon, "Prepare", manyUnknownFields()))
        .containsKeys(Status.Code.RESOURCE_EXHAUSTED, Status.Code.INVALID_ARGUMENT);
    most = Math.max(most, daemon.residentBytes());
    assertThat(flood(daemon, "List", manyFilters())).containsKeys(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(flood(daemon, "List", longFilter())).containsKeys(Status.Code.RESOURCE_EXHAUSTED);
    most = Math.max(most, daemon.residentBytes());
    assertThat(flood(daemon, "Remove", ordinaryRemoval))
        .containsExactlyEntriesOf(
            Map.of(Status.Code.NOT_FOUND, CONNECTIONS * CALLS_PER_CONNECTION));
    most = Math.max(most, daemon.residentBytes());
    most =
        Math.max(
            most, unread(daemon, "List", ListSnapshotsRequest.getDefaultInstance().toByteArray()));
    most =
        Math.max(
            most,
            unread(
                daemon,
                "Stat",
                StatSnapshotRequest.newBuilder().setKey("large 0").build().toByteArray()));
    return most;
  }

  /** {@return the number of concurrent calls by status} */
  private static Map<Status.Code, Integer> flood(GatunProcess daemon, String method, byte[] request)
      throws InterruptedException {
    Map<Status.Code, Integer> ends = new EnumMap<>(Status.Code.class);
    AtomicInteger open = new AtomicInteger();
    List<Client> clients = new ArrayList<>();
    try {
      for (int i = 0; i < CONNECTIONS; i++) {
        clients.add(daemon.client());
      }
      for (int i = 0; i < CALLS_PER_CONNECTION; i++) {
        for (Client client : clients) {
          open.incrementAndGet();
          ClientCall<byte[], byte[]> call =
              client.channel().newCall(RawCall.descriptor(method), CallOptions.DEFAULT);
          call.start(
              new ClientCall.Listener<>() {
                @Override
                public void onClose(Status status, Metadata trailers) {
                  synchronized (ends) {
                    ends.merge(status.getCode(), 1, Integer::sum);
                  }
                  open.decrementAndGet();
                }
              },
              new Metadata());
          call.request(2);
          call.sendMessage(request);
          call.halfClose();
        }
      }
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
      while (open.get() > 0) {
        assertThat(System.nanoTime()).as("%s: %d open", method, open.get()).isLessThan(deadline);
        Thread.sleep(20);
      }
    } finally {
      clients.forEach(Client::close);
    }
    System.out.println(method + " of " + request.length + " bytes: " + ends);
    return ends;
  }

  /** Makes calls and reads no answer; returns the daemon's resident memory then. */
  private static long unread(GatunProcess daemon, String method, byte[] request) {
    List<Client> clients = new ArrayList<>();
    try {
      for (int i = 0; i < CONNECTIONS; i++) {
        Client client = daemon.client();
        clients.add(client);
        for (int j = 0; j < CALLS_PER_CONNECTION; j++) {
          ClientCall<byte[], byte[]> call =
              client.channel().newCall(RawCall.descriptor(method), CallOptions.DEFAULT);
          call.start(new ClientCall.Listener<>() {}, new Metadata());
          call.sendMessage(request);
          call.halfClose();
        }
      }
      GatunProcess.sleep(3_000);
      // Other clients are still served if their requests are small.
      try (Client another = daemon.client()) {
        assertThat(Status.fromThrowable(failureOf(() -> another.remove("missing"))).getCode())
            .isEqualTo(Status.Code.NOT_FOUND);
      }
      return daemon.residentBytes();
    } finally {
      clients.forEach(Client::close);
    }
  }

  private static Throwable failureOf(Runnable call) {
    try {
      call.run();
    } catch (RuntimeException e) {
      return e;
    }
    throw new AssertionError("the call did not fail");
  }

  /** A snapshot of maximum size. */
  private static PrepareSnapshotRequest largeSnapshot(int number) {
    PrepareSnapshotRequest.Builder request =
        PrepareSnapshotRequest.newBuilder().setKey("large " + number);
    for (int i = 0; i < 60; i++) {
      request.putLabels("label " + i, "v".repeat(4_000));
    }
    return request.build();
  }

  private static byte[] largeRequest() {
    return PrepareSnapshotRequest.newBuilder()
        .setKey("k")
        .putLabels("l", "v".repeat(320_000))
        .build()
        .toByteArray();
  }

  private static byte[] manyLabels() {
    PrepareSnapshotRequest.Builder request = PrepareSnapshotRequest.newBuilder();
    for (int i = 0; i < 30_000; i++) {
      request.putLabels(Integer.toString(i, Character.MAX_RADIX), "");
    }
    return request.build().toByteArray();
  }

  private static byte[] manyUnknownFields() {
    UnknownFieldSet.Builder fields = UnknownFieldSet.newBuilder();
    for (int number = 1_000; number < 70_000; number++) {
      fields.addField(number, UnknownFieldSet.Field.newBuilder().addVarint(0).build());
    }
    return PrepareSnapshotRequest.newBuilder()
        .setUnknownFields(fields.build())
        .build()
        .toByteArray();
  }

  private static byte[] manyFilters() {
    return ByteString.copyFromUtf8("\u0012\u0001a".repeat(80_000)).toByteArray();
  }

  private static byte[] longFilter() {
    return ListSnapshotsRequest.newBuilder()
        .addFilters("a,".repeat(120_000) + "a")
        .build()
        .toByteArray();
  }
}
