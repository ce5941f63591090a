package io.gatun.server.rpc;

import static io.gatun.server.rpc.SnapshotMessages.toMessage;
import static io.gatun.server.rpc.SnapshotMessages.toMessages;

import com.google.protobuf.Empty;
import io.gatun.proto.snapshots.CleanupRequest;
import io.gatun.proto.snapshots.CommitSnapshotRequest;
import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.ListSnapshotsResponse;
import io.gatun.proto.snapshots.MountsRequest;
import io.gatun.proto.snapshots.MountsResponse;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.PrepareSnapshotResponse;
import io.gatun.proto.snapshots.RemoveSnapshotRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.proto.snapshots.StatSnapshotResponse;
import io.gatun.proto.snapshots.UpdateSnapshotRequest;
import io.gatun.proto.snapshots.UpdateSnapshotResponse;
import io.gatun.proto.snapshots.UsageRequest;
import io.gatun.proto.snapshots.UsageResponse;
import io.gatun.proto.snapshots.ViewSnapshotRequest;
import io.gatun.proto.snapshots.ViewSnapshotResponse;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * containerd's Snapshots service on a {@link Snapshotter}.
 *
 * <p>Handlers run on the event loop. Stat only reads memory and is answered there, which halves its
 * latency, and so is Mounts if it needs no I/O; all else goes to the {@link RpcExecutor}. The
 * namespace header is ignored: containerd sends none when it collects garbage, and keys contain the
 * namespace.
 */
public final class SnapshotsService extends SnapshotsGrpc.SnapshotsImplBase {

  private final Snapshotter snapshotter;
  private final RpcExecutor rpcExecutor;

  public SnapshotsService(Snapshotter snapshotter, RpcExecutor rpcExecutor) {
    this.snapshotter = snapshotter;
    this.rpcExecutor = rpcExecutor;
  }

  @Override
  public void prepare(
      PrepareSnapshotRequest request, StreamObserver<PrepareSnapshotResponse> client) {
    answer(
        "Prepare",
        client,
        () -> {
          List<Mount> mounts =
              snapshotter.prepare(request.getKey(), request.getParent(), request.getLabelsMap());
          return PrepareSnapshotResponse.newBuilder().addAllMounts(toMessages(mounts)).build();
        });
  }

  @Override
  public void view(ViewSnapshotRequest request, StreamObserver<ViewSnapshotResponse> client) {
    answer(
        "View",
        client,
        () -> {
          List<Mount> mounts =
              snapshotter.view(request.getKey(), request.getParent(), request.getLabelsMap());
          return ViewSnapshotResponse.newBuilder().addAllMounts(toMessages(mounts)).build();
        });
  }

  @Override
  public void mounts(MountsRequest request, StreamObserver<MountsResponse> client) {
    AtomicReference<@Nullable List<Mount>> atHand = new AtomicReference<>();
    RpcCall.give(
        work -> {
          Optional<List<Mount>> known = snapshotter.tryMountsWithoutIo(request.getKey());
          if (known.isPresent()) {
            atHand.set(known.get());
            work.run();
          } else {
            rpcExecutor.dispatch(work);
          }
        },
        "Mounts",
        client,
        () -> {
          List<Mount> known = atHand.get();
          List<Mount> mounts = known == null ? snapshotter.mounts(request.getKey()) : known;
          return MountsResponse.newBuilder().addAllMounts(toMessages(mounts)).build();
        });
  }

  @Override
  public void commit(CommitSnapshotRequest request, StreamObserver<Empty> client) {
    answer(
        "Commit",
        client,
        () -> {
          snapshotter.commit(
              request.getName(), request.getKey(), request.getParent(), request.getLabelsMap());
          return Empty.getDefaultInstance();
        });
  }

  @Override
  public void remove(RemoveSnapshotRequest request, StreamObserver<Empty> client) {
    RpcCall.give(
        rpcExecutor::dispatchRemoval,
        "Remove",
        client,
        () -> {
          snapshotter.remove(request.getKey());
          return Empty.getDefaultInstance();
        });
  }

  @Override
  public void stat(StatSnapshotRequest request, StreamObserver<StatSnapshotResponse> client) {
    RpcCall.give(
        Runnable::run,
        "Stat",
        client,
        () ->
            StatSnapshotResponse.newBuilder()
                .setInfo(toMessage(snapshotter.stat(request.getKey())))
                .build());
  }

  @Override
  public void update(UpdateSnapshotRequest request, StreamObserver<UpdateSnapshotResponse> client) {
    answer(
        "Update",
        client,
        () -> {
          SnapshotInfo info =
              snapshotter.update(
                  request.getInfo().getName(),
                  request.getInfo().getLabelsMap(),
                  request.getUpdateMask().getPathsList());
          return UpdateSnapshotResponse.newBuilder().setInfo(toMessage(info)).build();
        });
  }

  @Override
  public void list(ListSnapshotsRequest request, StreamObserver<ListSnapshotsResponse> client) {
    ServerCallStreamObserver<ListSnapshotsResponse> call =
        (ServerCallStreamObserver<ListSnapshotsResponse>) client;
    InfoStream stream = new InfoStream(call);
    RpcCall.run(
        rpcExecutor::dispatchList,
        "List",
        call,
        stream::wake,
        () -> {
          snapshotter.list(request.getFiltersList(), stream);
          stream.finish();
        });
  }

  @Override
  public void usage(UsageRequest request, StreamObserver<UsageResponse> client) {
    answer(
        "Usage",
        client,
        () -> {
          Usage usage = snapshotter.usage(request.getKey());
          return UsageResponse.newBuilder()
              .setSize(usage.sizeBytes())
              .setInodes(usage.inodes())
              .build();
        });
  }

  @Override
  public void cleanup(CleanupRequest request, StreamObserver<Empty> client) {
    answer(
        "Cleanup",
        client,
        () -> {
          snapshotter.cleanup();
          return Empty.getDefaultInstance();
        });
  }

  private <T> void answer(String call, StreamObserver<T> client, Supplier<T> work) {
    RpcCall.give(rpcExecutor::dispatch, call, client, work);
  }
}
