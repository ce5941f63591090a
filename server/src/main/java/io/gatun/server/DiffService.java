package io.gatun.server;

import io.gatun.proto.diff.ApplyRequest;
import io.gatun.proto.diff.ApplyResponse;
import io.gatun.proto.diff.DiffGrpc;
import io.gatun.proto.diff.DiffRequest;
import io.gatun.proto.diff.DiffResponse;
import io.gatun.proto.types.Descriptor;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.apply.AppliedLayer;
import io.gatun.snapshot.apply.Cancellation;
import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.LayerBlob;
import io.gatun.snapshot.engine.LayerUnpacker;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * containerd's Diff service: layers out of containerd's content store are unpacked into snapshots
 * of this daemon. What it does not do it answers with UNIMPLEMENTED, upon which containerd asks the
 * next differ that it is configured with.
 */
final class DiffService extends DiffGrpc.DiffImplBase {

  private static final Logger LOG = LoggerFactory.getLogger(DiffService.class);

  /** What is in an uncompressed layer (OCI image specification, layer.md). */
  private static final String TAR = "application/vnd.oci.image.layer.v1.tar";

  private final LayerUnpacker unpacker;
  private final ContentStore content;
  private final Dispatcher dispatcher;

  DiffService(LayerUnpacker unpacker, ContentStore content, Dispatcher dispatcher) {
    this.unpacker = unpacker;
    this.content = content;
    this.dispatcher = dispatcher;
  }

  @Override
  public void apply(ApplyRequest request, StreamObserver<ApplyResponse> client) {
    Cancellation cancellation = new Cancellation();
    Optional<String> namespace = CallNamespace.said();
    CallAnswer.give(
        dispatcher::dispatchApply,
        "Apply",
        (ServerCallStreamObserver<ApplyResponse>) client,
        cancellation::cancel,
        () ->
            ApplyResponse.newBuilder().setApplied(apply(namespace, request, cancellation)).build());
  }

  private Descriptor apply(Optional<String> said, ApplyRequest request, Cancellation cancellation) {
    Descriptor diff = request.getDiff();
    LayerMediaType.require(diff.getMediaType(), diff.getDigest());
    Digest digest = digest(diff.getDigest());
    List<Mount> mounts = SnapshotMessages.toMounts(request.getMountsList());
    String key = unpacker.key(mounts);
    // A snapshot was prepared for the namespace that its layer is in.
    String namespace = CallNamespace.require("apply", said.or(() -> CallNamespace.inKey(key)));
    try (LayerBlob blob = content.open(namespace, digest, diff.getSize())) {
      AppliedLayer layer = unpacker.unpack(blob, mounts, request.getSyncFs(), cancellation);
      warnOfOverlayXattrs(digest, layer);
      return Descriptor.newBuilder()
          .setMediaType(TAR)
          .setDigest(layer.diffId().text())
          .setSize(layer.sizeBytes())
          .build();
    } catch (IOException e) {
      // Nothing but closing the blob throws one, and what was read of it is as it was.
      throw new UncheckedIOException(e);
    }
  }

  private static Digest digest(String text) {
    try {
      return new Digest(text);
    } catch (IllegalArgumentException e) {
      throw new SnapshotException.InvalidArgument("apply: " + e.getMessage());
    }
  }

  private static void warnOfOverlayXattrs(Digest digest, AppliedLayer layer) {
    if (layer.overlayXattrsDropped() > 0) {
      LOG.warn(
          "attributes of the overlay filesystem left out layer={} count={}",
          digest,
          layer.overlayXattrsDropped());
    }
  }

  @Override
  public void diff(DiffRequest request, StreamObserver<DiffResponse> client) {
    CallAnswer.give(
        Runnable::run,
        "Diff",
        (ServerCallStreamObserver<DiffResponse>) client,
        () -> {},
        () -> {
          throw new SnapshotException.Unsupported(
              "diff: gatun makes no layers; add \"walking\" after it to the differs of containerd");
        });
  }
}
