package io.gatun.training;

import io.gatun.proto.diff.ApplyRequest;
import io.gatun.proto.diff.DiffGrpc;
import io.gatun.proto.diff.DiffGrpc.DiffBlockingStub;
import io.gatun.proto.snapshots.CleanupRequest;
import io.gatun.proto.snapshots.CommitSnapshotRequest;
import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.ListSnapshotsResponse;
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
import io.gatun.server.content.CallNamespace;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;

/** Makes the calls that containerd would make. */
final class TrainingClient implements AutoCloseable {

  private static final String NAMESPACE = "training";
  private static final String CHAIN_ID_LABEL = "containerd.io/snapshot.ref";

  private final DaemonConnection connection;
  private final SnapshotsBlockingStub snapshots;
  private final DiffBlockingStub layers;

  /** The number of names given out so far; makes each name unique. */
  private int keys;

  TrainingClient(Path address) {
    connection = new DaemonConnection(address);
    snapshots = SnapshotsGrpc.newBlockingStub(connection.channel());
    layers = CallNamespace.attach(NAMESPACE, DiffGrpc.newBlockingStub(connection.channel()));
  }

  /** Several clients concurrently prepare, look up, commit and remove snapshots. */
  void live(int clients, int livesPerClient) {
    try (ExecutorService threads = Executors.newFixedThreadPool(clients)) {
      IntStream.range(0, clients)
          .mapToObj(
              client ->
                  CompletableFuture.runAsync(() -> live("c" + client, livesPerClient), threads))
          .toList()
          .forEach(CompletableFuture::join);
    }
    list("kind==committed").forEachRemaining(batch -> {});
  }

  private void live(String client, int lives) {
    for (int life = 0; life < lives; life++) {
      String name = NAMESPACE + "/" + client + "/sha256:" + life;
      String key = NAMESPACE + "/" + client + "/extract-" + life + " sha256:" + life;
      prepare(key, "", key);
      snapshots.mounts(MountsRequest.newBuilder().setKey(key).build());
      snapshots.stat(StatSnapshotRequest.newBuilder().setKey(key).build());
      commit(key, name);
      remove(name);
    }
  }

  /**
   * A committed snapshot with a layer.
   *
   * @param name of the snapshot
   * @param blob of the layer
   * @param diffId of the layer
   * @param chainId of the layer on its parents
   */
  record Unpacked(String name, Descriptor blob, Digest diffId, Digest chainId) {}

  /** {@return an unpacked layer, on which a container's snapshot was prepared and removed} */
  Unpacked unpack(Descriptor blob, Optional<Unpacked> parent) {
    String key = key(blob.getDigest());
    return unpack(key, blob, parent, prepare(key, nameOf(parent), key));
  }

  /**
   * {@return a layer whose chain id was announced to the daemon, and which is unpacked only if the
   * daemon does not have it}
   */
  Unpacked want(Unpacked layer, Unpacked parent) {
    Digest chainId = ChainId.of(Optional.of(parent.chainId()), layer.diffId());
    String key = key(chainId.text());
    List<Mount> mounts;
    try {
      mounts = prepare(key, parent.name(), chainId.text());
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() != Status.Code.ALREADY_EXISTS) {
        throw e;
      }
      return new Unpacked(find(chainId, parent), layer.blob(), layer.diffId(), chainId);
    }
    return unpack(key, layer.blob(), Optional.of(parent), mounts);
  }

  private String find(Digest chainId, Unpacked parent) {
    List<String> found = new ArrayList<>();
    list("labels.\"%s\"==%s,parent==\"%s\"".formatted(CHAIN_ID_LABEL, chainId, parent.name()))
        .forEachRemaining(
            batch -> batch.getInfoList().forEach(snapshot -> found.add(snapshot.getName())));
    return found.getFirst();
  }

  private Unpacked unpack(
      String key, Descriptor blob, Optional<Unpacked> parent, List<Mount> mounts) {
    Descriptor applied =
        layers
            .apply(ApplyRequest.newBuilder().setDiff(blob).addAllMounts(mounts).build())
            .getApplied();
    Digest diffId = new Digest(applied.getDigest());
    Digest chainId = ChainId.of(parent.map(Unpacked::chainId), diffId);
    String name = NAMESPACE + "/" + ++keys + "/" + chainId;
    commit(key, name);
    snapshots.usage(UsageRequest.newBuilder().setKey(name).build());
    String container = NAMESPACE + "/" + ++keys + "/container";
    prepare(container, name, container);
    remove(container);
    return new Unpacked(name, blob, diffId, chainId);
  }

  private String key(String digest) {
    return "%s/%d/extract-%d-a %s".formatted(NAMESPACE, ++keys, keys, digest);
  }

  private static String nameOf(Optional<Unpacked> parent) {
    return parent.map(Unpacked::name).orElse("");
  }

  private List<Mount> prepare(String key, String parent, String reference) {
    return snapshots
        .prepare(
            PrepareSnapshotRequest.newBuilder()
                .setKey(key)
                .setParent(parent)
                .putLabels(CHAIN_ID_LABEL, reference)
                .build())
        .getMountsList();
  }

  private Iterator<ListSnapshotsResponse> list(String filter) {
    return snapshots.list(ListSnapshotsRequest.newBuilder().addFilters(filter).build());
  }

  private void commit(String key, String name) {
    var _ = snapshots.commit(CommitSnapshotRequest.newBuilder().setKey(key).setName(name).build());
  }

  /** Returns when the removed snapshots are unmounted and deleted. */
  void cleanUp() {
    var _ = snapshots.cleanup(CleanupRequest.getDefaultInstance());
  }

  void remove(String key) {
    var _ = snapshots.remove(RemoveSnapshotRequest.newBuilder().setKey(key).build());
  }

  @Override
  public void close() {
    connection.close();
  }
}
