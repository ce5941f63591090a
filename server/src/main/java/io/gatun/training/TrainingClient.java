package io.gatun.training;

import io.gatun.proto.diff.ApplyRequest;
import io.gatun.proto.diff.DiffGrpc;
import io.gatun.proto.diff.DiffGrpc.DiffBlockingStub;
import io.gatun.proto.snapshots.CommitSnapshotRequest;
import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.MountsRequest;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.RemoveSnapshotRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.SnapshotsGrpc.SnapshotsBlockingStub;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.proto.snapshots.UsageRequest;
import io.gatun.proto.types.Descriptor;
import io.gatun.proto.types.Mount;
import io.gatun.server.DaemonConnection;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;

/** Asks the daemon what containerd would ask. */
final class TrainingClient implements AutoCloseable {

  private static final String NAMESPACE = "training";

  private final DaemonConnection connection;
  private final SnapshotsBlockingStub snapshots;
  private final DiffBlockingStub layers;

  TrainingClient(Path address) {
    Metadata headers = new Metadata();
    headers.put(
        Metadata.Key.of("containerd-namespace", Metadata.ASCII_STRING_MARSHALLER), NAMESPACE);
    connection = new DaemonConnection(address);
    snapshots = SnapshotsGrpc.newBlockingStub(connection.channel());
    layers =
        DiffGrpc.newBlockingStub(connection.channel())
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  /** Has snapshots prepared, looked at, committed and removed by several clients at a time. */
  void live(int clients, int livesPerClient) {
    try (ExecutorService threads = Executors.newFixedThreadPool(clients)) {
      CompletableFuture.allOf(
              IntStream.range(0, clients)
                  .mapToObj(
                      client ->
                          CompletableFuture.runAsync(
                              () -> live("c" + client, livesPerClient), threads))
                  .toArray(CompletableFuture<?>[]::new))
          .join();
    }
    snapshots
        .list(ListSnapshotsRequest.newBuilder().addFilters("kind==committed").build())
        .forEachRemaining(batch -> {});
  }

  private void live(String client, int lives) {
    for (int life = 0; life < lives; life++) {
      String name = NAMESPACE + "/" + client + "/sha256:" + life;
      String key = NAMESPACE + "/" + client + "/extract-" + life + " sha256:" + life;
      prepare(key, "");
      snapshots.mounts(MountsRequest.newBuilder().setKey(key).build());
      snapshots.stat(StatSnapshotRequest.newBuilder().setKey(key).build());
      commit(key, name);
      remove(name);
    }
  }

  /**
   * Has a layer unpacked, and a container's snapshot made of it and removed.
   *
   * @param parent the name of the snapshot below, or nothing
   * @return the name of the layer's own
   */
  String unpack(int number, Descriptor layer, String parent) {
    String name = NAMESPACE + "/" + number + "/" + layer.getDigest();
    String key = NAMESPACE + "/" + number + "/extract " + layer.getDigest();
    layers.apply(
        ApplyRequest.newBuilder().setDiff(layer).addAllMounts(prepare(key, parent)).build());
    commit(key, name);
    snapshots.usage(UsageRequest.newBuilder().setKey(name).build());
    String container = NAMESPACE + "/" + number + "/container";
    prepare(container, name);
    remove(container);
    return name;
  }

  private List<Mount> prepare(String key, String parent) {
    return snapshots
        .prepare(
            PrepareSnapshotRequest.newBuilder()
                .setKey(key)
                .setParent(parent)
                .putLabels("containerd.io/snapshot.ref", key)
                .build())
        .getMountsList();
  }

  private void commit(String key, String name) {
    var _ = snapshots.commit(CommitSnapshotRequest.newBuilder().setKey(key).setName(name).build());
  }

  void remove(String key) {
    var _ = snapshots.remove(RemoveSnapshotRequest.newBuilder().setKey(key).build());
  }

  @Override
  public void close() {
    connection.close();
  }
}
