package io.gatun.server.crash;

import io.gatun.proto.diff.ApplyRequest;
import io.gatun.proto.diff.ApplyResponse;
import io.gatun.proto.diff.DiffGrpc;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A differ on the other side of a socket. */
final class RemoteDiffer {

  private static final long PATIENCE_MICROS = TimeUnit.MINUTES.toMicros(10);

  private final Channel channel;

  RemoteDiffer(Channel channel) {
    this.channel = channel;
  }

  /**
   * Has the daemon unpack a layer. Like Debian's containerd, it sends no namespace.
   *
   * @param cancelAfterMicros when to cancel, if at all
   * @return whether the layer is unpacked; if not, the call was cancelled
   * @throws SnapshotException as in {@link RemoteSnapshotter}
   */
  boolean apply(Layer layer, List<Mount> mounts, OptionalLong cancelAfterMicros)
      throws IOException {
    ApplyRequest.Builder request = ApplyRequest.newBuilder().setDiff(layer.descriptor());
    for (Mount mount : mounts) {
      request.addMounts(
          io.gatun.proto.types.Mount.newBuilder()
              .setType(mount.type())
              .setSource(mount.source())
              .setTarget(mount.target())
              .addAllOptions(mount.options()));
    }
    Future<ApplyResponse> answer = DiffGrpc.newFutureStub(channel).apply(request.build());
    try {
      ApplyResponse response =
          answer.get(cancelAfterMicros.orElse(PATIENCE_MICROS), TimeUnit.MICROSECONDS);
      if (!response.getApplied().getDigest().equals(layer.diffId())) {
        throw new AssertionError("%s was unpacked as %s".formatted(layer, response));
      }
      return true;
    } catch (TimeoutException e) {
      answer.cancel(false);
      if (cancelAfterMicros.isEmpty()) {
        throw new AssertionError("timed out unpacking " + layer, e);
      }
      return false;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof StatusRuntimeException status) {
        throw RemoteSnapshotter.failure(status);
      }
      throw new IOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while a layer was unpacked", e);
    }
  }
}
