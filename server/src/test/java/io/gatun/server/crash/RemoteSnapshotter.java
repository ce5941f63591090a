package io.gatun.server.crash;

import com.google.protobuf.FieldMask;
import io.gatun.proto.snapshots.CleanupRequest;
import io.gatun.proto.snapshots.CommitSnapshotRequest;
import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.MountsRequest;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.RemoveSnapshotRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.proto.snapshots.UpdateSnapshotRequest;
import io.gatun.proto.snapshots.UsageRequest;
import io.gatun.proto.snapshots.UsageResponse;
import io.gatun.proto.snapshots.ViewSnapshotRequest;
import io.gatun.server.rpc.SnapshotMessages;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A snapshotter on the other side of a socket. It turns a status back into the exception; {@link
 * SnapshotException.Unavailable} may also mean a broken connection and so an unknown outcome.
 */
final class RemoteSnapshotter implements Snapshotter, AutoCloseable {

  /** Shared machines may stall for minutes. */
  private static final int PATIENCE_SECONDS = 600;

  private final ManagedChannel channel;
  private final SnapshotsGrpc.SnapshotsBlockingStub stub;

  /** Connects, which has to succeed at once. */
  RemoteSnapshotter(Path address, EventLoopGroup loops) {
    this.channel =
        NettyChannelBuilder.forAddress(
                UnixDomainSocketAddress.of(address), InsecureChannelCredentials.create())
            .eventLoopGroup(loops)
            .channelType(NioDomainSocketChannel.class, UnixDomainSocketAddress.class)
            .overrideAuthority("localhost")
            .directExecutor()
            .build();
    this.stub = SnapshotsGrpc.newBlockingStub(channel);
  }

  /** {@return a differ on the same connection} */
  RemoteDiffer differ() {
    return new RemoteDiffer(channel);
  }

  private <T> T call(Function<SnapshotsGrpc.SnapshotsBlockingStub, T> request) {
    try {
      return request.apply(stub.withDeadlineAfter(PATIENCE_SECONDS, TimeUnit.SECONDS));
    } catch (StatusRuntimeException e) {
      throw failure(e);
    }
  }

  static SnapshotException failure(StatusRuntimeException e) {
    Status status = e.getStatus();
    @Nullable String told = status.getDescription();
    String message = told == null ? status.toString() : told;
    if (status.getCause() instanceof IOException) {
      // The connection broke; grpc-java reports UNKNOWN if that happened while it sent the request.
      return new SnapshotException.Unavailable(message, e);
    }
    return switch (status.getCode()) {
      case NOT_FOUND -> new SnapshotException.NotFound(message);
      case ALREADY_EXISTS -> new SnapshotException.AlreadyExists(message);
      case INVALID_ARGUMENT -> new SnapshotException.InvalidArgument(message);
      case FAILED_PRECONDITION -> new SnapshotException.FailedPrecondition(message);
      case RESOURCE_EXHAUSTED -> new SnapshotException.ResourceExhausted(message, e);
      case UNAVAILABLE -> new SnapshotException.Unavailable(message, e);
      case UNIMPLEMENTED -> new SnapshotException.Unsupported(message);
      case INTERNAL -> new SnapshotException.StorageFailure(message, e);
      case OK,
          CANCELLED,
          UNKNOWN,
          DEADLINE_EXCEEDED,
          PERMISSION_DENIED,
          ABORTED,
          OUT_OF_RANGE,
          DATA_LOSS,
          UNAUTHENTICATED ->
          throw new AssertionError("the daemon answered with " + status, e);
    };
  }

  @Override
  public List<Mount> prepare(String key, String parent, Map<String, String> labels) {
    return SnapshotMessages.toMounts(
        call(stub ->
                stub.prepare(
                    PrepareSnapshotRequest.newBuilder()
                        .setKey(key)
                        .setParent(parent)
                        .putAllLabels(labels)
                        .build()))
            .getMountsList());
  }

  @Override
  public List<Mount> view(String key, String parent, Map<String, String> labels) {
    return SnapshotMessages.toMounts(
        call(stub ->
                stub.view(
                    ViewSnapshotRequest.newBuilder()
                        .setKey(key)
                        .setParent(parent)
                        .putAllLabels(labels)
                        .build()))
            .getMountsList());
  }

  @Override
  public List<Mount> mounts(String key) {
    return SnapshotMessages.toMounts(
        call(stub -> stub.mounts(MountsRequest.newBuilder().setKey(key).build())).getMountsList());
  }

  @Override
  public void commit(String name, String key, String parent, Map<String, String> labels) {
    var _ =
        call(
            stub ->
                stub.commit(
                    CommitSnapshotRequest.newBuilder()
                        .setName(name)
                        .setKey(key)
                        .setParent(parent)
                        .putAllLabels(labels)
                        .build()));
  }

  @Override
  public void remove(String key) {
    var _ = call(stub -> stub.remove(RemoveSnapshotRequest.newBuilder().setKey(key).build()));
  }

  @Override
  public SnapshotInfo stat(String key) {
    return SnapshotMessages.toSnapshot(
        call(stub -> stub.stat(StatSnapshotRequest.newBuilder().setKey(key).build())).getInfo());
  }

  @Override
  public SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths) {
    return SnapshotMessages.toSnapshot(
        call(stub ->
                stub.update(
                    UpdateSnapshotRequest.newBuilder()
                        .setInfo(Info.newBuilder().setName(name).putAllLabels(labels))
                        .setUpdateMask(FieldMask.newBuilder().addAllPaths(fieldPaths))
                        .build()))
            .getInfo());
  }

  @Override
  public void list(List<String> filters, Consumer<SnapshotInfo> visitor) {
    ListSnapshotsRequest request = ListSnapshotsRequest.newBuilder().addAllFilters(filters).build();
    try {
      stub.withDeadlineAfter(PATIENCE_SECONDS, TimeUnit.SECONDS)
          .list(request)
          .forEachRemaining(
              batch ->
                  batch.getInfoList().stream().map(SnapshotMessages::toSnapshot).forEach(visitor));
    } catch (StatusRuntimeException e) {
      throw failure(e);
    }
  }

  @Override
  public Usage usage(String key) {
    UsageResponse told = call(stub -> stub.usage(UsageRequest.newBuilder().setKey(key).build()));
    return new Usage(told.getInodes(), told.getSize());
  }

  @Override
  public void cleanup() {
    var _ = call(stub -> stub.cleanup(CleanupRequest.getDefaultInstance()));
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
