package io.gatun.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.FieldMask;
import com.google.protobuf.UnknownFieldSet;
import io.gatun.proto.snapshots.CleanupRequest;
import io.gatun.proto.snapshots.CommitSnapshotRequest;
import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.ListSnapshotsResponse;
import io.gatun.proto.snapshots.MountsRequest;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.RemoveSnapshotRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.SnapshotsGrpc.SnapshotsBlockingStub;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.proto.snapshots.UpdateSnapshotRequest;
import io.gatun.proto.snapshots.UsageRequest;
import io.gatun.proto.snapshots.ViewSnapshotRequest;
import io.gatun.proto.types.Mount;
import io.gatun.server.config.Transport;
import io.gatun.server.net.TestServer;
import io.gatun.snapshot.SnapshotInfo;
import io.grpc.CallOptions;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class SnapshotsServiceTest {

  @TempDir Path directory;
  private TestServer server;
  private SnapshotsBlockingStub client;

  @BeforeEach
  void start() {
    server = new TestServer(directory, Transport.AUTO);
    client = server.client();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void lifecycleGoesThroughAllTenCalls() {
    List<Mount> mounts =
        client
            .prepare(
                PrepareSnapshotRequest.newBuilder()
                    .setSnapshotter("gatun")
                    .setKey("default/1/extract-1 sha256:a")
                    .putLabels("containerd.io/gc.root", "x")
                    .build())
            .getMountsList();
    assertThat(mounts)
        .containsExactly(
            Mount.newBuilder()
                .setType("bind")
                .setSource("/snapshots/default/1/extract-1 sha256:a")
                .addOptions("rw")
                .addOptions("rbind")
                .build());
    assertThat(mounts("default/1/extract-1 sha256:a")).isEqualTo(mounts);

    client.commit(
        CommitSnapshotRequest.newBuilder()
            .setKey("default/1/extract-1 sha256:a")
            .setName("sha256:a")
            .putLabels("l", "1")
            .build());
    client.view(ViewSnapshotRequest.newBuilder().setKey("v").setParent("sha256:a").build());
    Info info = stat("sha256:a");
    assertThat(info.getKind()).isEqualTo(io.gatun.proto.snapshots.Kind.COMMITTED);
    assertThat(info.getLabelsMap()).isEqualTo(Map.of("l", "1"));
    assertThat(stat("v").getParent()).isEqualTo("sha256:a");

    Info updated =
        client
            .update(
                UpdateSnapshotRequest.newBuilder()
                    .setInfo(Info.newBuilder().setName("sha256:a").putLabels("m", "2"))
                    .setUpdateMask(FieldMask.newBuilder().addPaths("labels.m").addPaths("labels.l"))
                    .build())
            .getInfo();
    assertThat(updated.getLabelsMap()).isEqualTo(Map.of("m", "2"));
    assertThat(updated).isEqualTo(stat("sha256:a"));
    assertThat(list()).containsExactlyInAnyOrder(stat("sha256:a"), stat("v"));
    assertThat(client.usage(UsageRequest.newBuilder().setKey("v").build()).getSize())
        .isEqualTo(12_288);
    client.cleanup(CleanupRequest.getDefaultInstance());

    remove("v");
    remove("sha256:a");
    assertThat(list()).isEmpty();
  }

  @Test
  void timesAreExactToTheNanosecond() {
    prepare("a", "");

    SnapshotInfo expected = server.snapshotter.stat("a");

    assertThat(SnapshotMessages.toSnapshot(stat("a"))).isEqualTo(expected);
  }

  @Test
  void commitPassesTheParentOn() {
    prepare("a", "");
    commit("base", "a", "");
    prepare("b", "");

    commit("layer", "b", "base");

    assertThat(stat("layer").getParent()).isEqualTo("base");
  }

  @Test
  void eachRefusalHasTheStatusThatContainerdExpects() {
    prepare("a", "");
    prepare("b", "");
    commit("base", "b", "");
    prepare("child", "base");

    assertStatus(Status.Code.NOT_FOUND, () -> stat("missing"));
    assertStatus(Status.Code.NOT_FOUND, () -> remove("missing"));
    assertStatus(Status.Code.NOT_FOUND, () -> prepare("c", "missing"));
    assertStatus(Status.Code.ALREADY_EXISTS, () -> prepare("a", ""));
    assertStatus(Status.Code.INVALID_ARGUMENT, () -> prepare("c", "a"));
    assertStatus(Status.Code.FAILED_PRECONDITION, () -> commit("x", "base", ""));
    assertThatThrownBy(() -> remove("base")).hasMessageContaining("remove");
    assertStatus(Status.Code.FAILED_PRECONDITION, () -> remove("base"));
    assertStatus(
        Status.Code.INVALID_ARGUMENT,
        () ->
            client.update(
                UpdateSnapshotRequest.newBuilder()
                    .setInfo(Info.newBuilder().setName("a"))
                    .setUpdateMask(FieldMask.newBuilder().addPaths("parent"))
                    .build()));
  }

  @Test
  void listWithABadFilterIsInvalidArgument() {
    assertStatus(
        Status.Code.INVALID_ARGUMENT,
        () ->
            client
                .list(ListSnapshotsRequest.newBuilder().addFilters("bad").build())
                .forEachRemaining(batch -> {}));
  }

  @Test
  void listSendsNothingForAnEmptyStore() {
    assertThat(client.list(ListSnapshotsRequest.getDefaultInstance()).hasNext()).isFalse();
  }

  @Test
  void listSendsBatchesOfAHundred() {
    prepareMany(250);
    List<Integer> sizes = new ArrayList<>();

    client
        .list(ListSnapshotsRequest.getDefaultInstance())
        .forEachRemaining(batch -> sizes.add(batch.getInfoCount()));

    assertThat(sizes).containsExactly(100, 100, 50);
  }

  @Test
  void clientsMayCallBackInTheMiddleOfAList() {
    prepareMany(1_000);
    int seen = 0;

    Iterator<ListSnapshotsResponse> batches =
        client.list(ListSnapshotsRequest.getDefaultInstance());
    while (batches.hasNext()) {
      for (Info info : batches.next().getInfoList()) {
        assertThat(stat(info.getName())).isEqualTo(info);
        client.usage(UsageRequest.newBuilder().setKey(info.getName()).build());
        seen++;
      }
    }

    assertThat(seen).isEqualTo(1_000);
  }

  @Test
  void slowReadersOfListsKeepNobodyElseWaiting() {
    prepareMany(20_000);
    List<Iterator<ListSnapshotsResponse>> slow = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      Iterator<ListSnapshotsResponse> batches =
          server.client().list(ListSnapshotsRequest.getDefaultInstance());
      assertThat(batches.hasNext()).isTrue();
      slow.add(batches);
    }

    prepare("another", "");
    remove("another");

    for (Iterator<ListSnapshotsResponse> batches : slow) {
      int[] count = {0};
      batches.forEachRemaining(batch -> count[0] += batch.getInfoCount());
      assertThat(count[0]).isGreaterThanOrEqualTo(20_000);
    }
  }

  @Test
  void cancelledListsFreeTheirThread() {
    prepareMany(20_000);
    for (int i = 0; i < 40; i++) {
      Context.CancellableContext context = Context.current().withCancellation();
      context.run(
          () ->
              assertThat(client.list(ListSnapshotsRequest.getDefaultInstance()).hasNext())
                  .isTrue());
      context.cancel(null);
    }

    assertThat(list()).hasSize(20_000);
  }

  @Test
  void fullQueueRefusesAllButRemoveAndStat() throws Exception {
    server.close();
    server = new TestServer(TestServer.configuration(directory, Transport.AUTO, 2, 3, 16));
    client = server.client();
    prepare("a", "");
    prepare("b", "");
    var _ = client.view(ViewSnapshotRequest.newBuilder().setKey("view").build());
    SnapshotsGrpc.SnapshotsFutureStub async = SnapshotsGrpc.newFutureStub(server.channel());
    StatSnapshotRequest statOfA = StatSnapshotRequest.newBuilder().setKey("a").build();
    // An established connection keeps its calls in order.
    async.stat(statOfA).get(10, TimeUnit.SECONDS);
    server.snapshotter.close();
    for (String key : List.of("running 1", "running 2")) {
      var _ = async.prepare(PrepareSnapshotRequest.newBuilder().setKey(key).build());
    }
    await(() -> server.snapshotter.waiting() == 2);
    for (String key : List.of("queued 1", "queued 2", "queued 3")) {
      var _ = async.prepare(PrepareSnapshotRequest.newBuilder().setKey(key).build());
    }
    async.stat(statOfA).get(10, TimeUnit.SECONDS);

    assertStatus(Status.Code.RESOURCE_EXHAUSTED, () -> prepare("one too many", ""));
    stat("a");
    // Calls answered from memory do not queue.
    assertThat(mounts("view")).hasSize(1);
    assertStatus(Status.Code.RESOURCE_EXHAUSTED, () -> mounts("a"));
    assertStatus(Status.Code.NOT_FOUND, () -> mounts("missing"));
    var removal = async.remove(RemoveSnapshotRequest.newBuilder().setKey("b").build());
    await(() -> server.snapshotter.waiting() == 3);
    assertThat(removal.isDone()).isFalse();
    server.snapshotter.open();

    removal.get(10, TimeUnit.SECONDS);
    await(() -> list().size() == 7);
    prepare("one too many", "");
  }

  @Test
  void namespaceIsNotNeededAndNotMinded() {
    prepare("a", "");
    Metadata headers = new Metadata();
    headers.put(
        Metadata.Key.of("containerd-namespace", Metadata.ASCII_STRING_MARSHALLER), "elsewhere");

    Info info =
        client
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
            .stat(StatSnapshotRequest.newBuilder().setKey("a").build())
            .getInfo();

    assertThat(info).isEqualTo(stat("a"));
  }

  @Test
  void unknownFieldsAreNotMinded() {
    prepare("a", "");
    UnknownFieldSet later =
        UnknownFieldSet.newBuilder()
            .addField(900, UnknownFieldSet.Field.newBuilder().addVarint(7).build())
            .build();

    Info info =
        client
            .stat(StatSnapshotRequest.newBuilder().setKey("a").setUnknownFields(later).build())
            .getInfo();

    assertThat(info.getName()).isEqualTo("a");
  }

  @Test
  void keyThatIsNotUtf8IsInvalidArgument() {
    byte[] keyOfOneBadByte = {0x12, 0x01, (byte) 0xFF};

    assertThatThrownBy(() -> callRaw("Prepare", keyOfOneBadByte))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
              assertThat(e.getStatus().getDescription()).contains("UTF-8");
            });
    assertThat(list()).isEmpty();
  }

  @Test
  void truncatedMessageIsInvalidArgument() {
    assertStatus(
        Status.Code.INVALID_ARGUMENT, () -> callRaw("List", new byte[] {0x12, 0x7F, 0x41}));
    assertStatus(
        Status.Code.INVALID_ARGUMENT, () -> callRaw("Stat", new byte[] {0x12, 0x7F, 0x41}));
  }

  @Test
  void messageOverTheLimitIsResourceExhaustedWithTheReason() {
    byte[] huge = new byte[(320 << 10) + 1];

    assertThatThrownBy(() -> callRaw("Prepare", huge))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
              assertThat(e.getStatus().getDescription()).contains("327680");
            });
    prepare("a", "");
  }

  @Test
  void methodThatDoesNotExistIsUnimplemented() {
    assertStatus(Status.Code.UNIMPLEMENTED, () -> callRaw("Explode", new byte[0]));
  }

  @Test
  void bugsAreInternalAndTheNextCallWorks() {
    assertThat(GrpcStatuses.statusOf("Prepare", new IllegalStateException("broken")).getCode())
        .isEqualTo(Status.Code.INTERNAL);
    assertThat(GrpcStatuses.statusOf("Prepare", new AssertionError("broken")).getDescription())
        .contains("broken");
  }

  @Test
  void healthIsServing() {
    HealthGrpc.HealthBlockingStub health = HealthGrpc.newBlockingStub(server.channel());

    for (String service : List.of("", SnapshotsGrpc.SERVICE_NAME)) {
      assertThat(
              health.check(HealthCheckRequest.newBuilder().setService(service).build()).getStatus())
          .isEqualTo(ServingStatus.SERVING);
    }
  }

  @Test
  void closingAnswersWhatIsInFlight() throws Exception {
    server.snapshotter.close();
    SnapshotsGrpc.SnapshotsFutureStub async = SnapshotsGrpc.newFutureStub(server.channel());
    var prepared = async.prepare(PrepareSnapshotRequest.newBuilder().setKey("a").build());
    await(() -> server.snapshotter.waiting() == 1);

    CompletableFuture<Void> closed = CompletableFuture.runAsync(server::closeEndpoint);
    await(() -> !server.address.toFile().exists());
    assertThat(prepared.isDone()).isFalse();
    server.snapshotter.open();

    assertThat(prepared.get(10, TimeUnit.SECONDS).getMountsCount()).isEqualTo(1);
    closed.get(10, TimeUnit.SECONDS);
  }

  private void prepareMany(int count) {
    for (int i = 0; i < count; i++) {
      server.snapshotter.prepare("snapshot " + i, "", Map.of("containerd.io/gc.root", "now"));
    }
  }

  private void prepare(String key, String parent) {
    client.prepare(PrepareSnapshotRequest.newBuilder().setKey(key).setParent(parent).build());
  }

  private void commit(String name, String key, String parent) {
    client.commit(
        CommitSnapshotRequest.newBuilder().setName(name).setKey(key).setParent(parent).build());
  }

  private void remove(String key) {
    client.remove(RemoveSnapshotRequest.newBuilder().setKey(key).build());
  }

  private List<Mount> mounts(String key) {
    return client.mounts(MountsRequest.newBuilder().setKey(key).build()).getMountsList();
  }

  private Info stat(String key) {
    return client.stat(StatSnapshotRequest.newBuilder().setKey(key).build()).getInfo();
  }

  private List<Info> list() {
    List<Info> infos = new ArrayList<>();
    client
        .list(ListSnapshotsRequest.getDefaultInstance())
        .forEachRemaining(batch -> infos.addAll(batch.getInfoList()));
    return infos;
  }

  private void callRaw(String method, byte[] message) {
    MethodDescriptor<byte[], byte[]> descriptor =
        MethodDescriptor.<byte[], byte[]>newBuilder()
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName(
                MethodDescriptor.generateFullMethodName(SnapshotsGrpc.SERVICE_NAME, method))
            .setRequestMarshaller(new RawBytes())
            .setResponseMarshaller(new RawBytes())
            .build();
    var _ =
        ClientCalls.blockingUnaryCall(
            server.channel(),
            descriptor,
            CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS),
            message);
  }

  private static void assertStatus(Status.Code code, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            StatusRuntimeException.class, e -> assertThat(e.getStatus().getCode()).isEqualTo(code));
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
      Thread.sleep(5);
    }
  }

  /** Passes bytes through. */
  private static final class RawBytes implements MethodDescriptor.Marshaller<byte[]> {

    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return ByteString.readFrom(stream).toByteArray();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
