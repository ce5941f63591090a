package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.proto.diff.ApplyRequest;
import io.gatun.proto.diff.DiffGrpc;
import io.gatun.proto.snapshots.CleanupRequest;
import io.gatun.proto.snapshots.CommitSnapshotRequest;
import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.RemoveSnapshotRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.SnapshotsGrpc.SnapshotsBlockingStub;
import io.gatun.proto.snapshots.SnapshotsGrpc.SnapshotsFutureStub;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.proto.snapshots.ViewSnapshotRequest;
import io.gatun.proto.types.Descriptor;
import io.gatun.proto.types.Mount;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A client of the daemon, like containerd. */
final class Client implements AutoCloseable {

  private static final long DEADLINE_SECONDS = 300;

  private final EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final ManagedChannel channel;

  Client(Path address) {
    channel =
        NettyChannelBuilder.forAddress(
                UnixDomainSocketAddress.of(address), InsecureChannelCredentials.create())
            .eventLoopGroup(loop)
            .channelType(NioDomainSocketChannel.class, UnixDomainSocketAddress.class)
            .overrideAuthority("localhost")
            .directExecutor()
            .build();
  }

  ManagedChannel channel() {
    return channel;
  }

  SnapshotsBlockingStub calls() {
    return SnapshotsGrpc.newBlockingStub(channel)
        .withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS);
  }

  SnapshotsFutureStub futures() {
    return SnapshotsGrpc.newFutureStub(channel);
  }

  void prepare(String key, String parent) {
    calls().prepare(PrepareSnapshotRequest.newBuilder().setKey(key).setParent(parent).build());
  }

  /** {@return the only mount of a view} */
  Mount view(String key, String parent) {
    List<Mount> mounts =
        calls()
            .view(ViewSnapshotRequest.newBuilder().setKey(key).setParent(parent).build())
            .getMountsList();
    assertThat(mounts).hasSize(1);
    return mounts.getFirst();
  }

  /** Unpacks a layer into a snapshot of its own, in the namespace of the key. */
  void unpack(String key, Descriptor layer) {
    apply(
        layer,
        calls().prepare(PrepareSnapshotRequest.newBuilder().setKey(key).build()).getMountsList());
  }

  void apply(Descriptor layer, List<Mount> mounts) {
    var _ =
        DiffGrpc.newBlockingStub(channel)
            .withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
            .apply(ApplyRequest.newBuilder().setDiff(layer).addAllMounts(mounts).build());
  }

  void commit(String name, String key) {
    calls().commit(CommitSnapshotRequest.newBuilder().setName(name).setKey(key).build());
  }

  void remove(String key) {
    calls().remove(RemoveSnapshotRequest.newBuilder().setKey(key).build());
  }

  /** Returns when removed snapshots are deleted. */
  void cleanUp() {
    var _ = calls().cleanup(CleanupRequest.getDefaultInstance());
  }

  Info stat(String key) {
    return calls().stat(StatSnapshotRequest.newBuilder().setKey(key).build()).getInfo();
  }

  List<Info> list() {
    List<Info> infos = new ArrayList<>();
    calls()
        .list(ListSnapshotsRequest.getDefaultInstance())
        .forEachRemaining(batch -> infos.addAll(batch.getInfoList()));
    return infos;
  }

  @Override
  public void close() {
    channel.shutdownNow();
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
