package io.gatun.server.rpc;

import com.google.protobuf.Timestamp;
import io.gatun.proto.diff.ApplyRequest;
import io.gatun.proto.diff.ApplyResponse;
import io.gatun.proto.diff.DiffGrpc;
import io.gatun.proto.diff.DiffRequest;
import io.gatun.proto.diff.DiffResponse;
import io.gatun.proto.types.Descriptor;
import io.gatun.server.content.CallNamespace;
import io.gatun.server.content.ContentIngest;
import io.gatun.server.content.ContentStore;
import io.gatun.server.content.LayerLabels;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBuilder;
import io.gatun.snapshot.layer.LayerBuilder.LayerFormat;
import io.gatun.snapshot.layer.LayerBuilder.PackedLayer;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * containerd's Diff service: unpacks layers from containerd's content store into snapshots of this
 * daemon, and writes layers with a snapshot's changes into that store. Unsupported requests are
 * answered with UNIMPLEMENTED, upon which containerd asks the next differ in its configuration.
 */
public final class DiffService extends DiffGrpc.DiffImplBase {

  private static final Logger LOG = LoggerFactory.getLogger(DiffService.class);

  /** The media type of an uncompressed layer (OCI image specification, layer.md). */
  private static final String TAR = "application/vnd.oci.image.layer.v1.tar";

  private final LayerUnpacker unpacker;
  private final LayerBuilder builder;
  private final ContentStore content;
  private final RpcExecutor rpcExecutor;

  public DiffService(
      LayerUnpacker unpacker, LayerBuilder builder, ContentStore content, RpcExecutor rpcExecutor) {
    this.unpacker = unpacker;
    this.builder = builder;
    this.content = content;
    this.rpcExecutor = rpcExecutor;
  }

  @Override
  public void apply(ApplyRequest request, StreamObserver<ApplyResponse> client) {
    Cancellation cancellation = new Cancellation();
    Optional<String> namespace = CallNamespace.said();
    RpcCall.give(
        rpcExecutor::dispatchApply,
        "Apply",
        client,
        cancellation::cancel,
        () ->
            ApplyResponse.newBuilder().setApplied(apply(namespace, request, cancellation)).build());
  }

  private Descriptor apply(Optional<String> said, ApplyRequest request, Cancellation cancellation) {
    Descriptor diff = request.getDiff();
    LayerMediaType.require(diff.getMediaType(), diff.getDigest());
    Digest digest = digest(diff.getDigest());
    List<Mount> mounts = SnapshotMessages.toMounts(request.getMountsList());
    LayerUnpacker.Target target = unpacker.find(mounts);
    // The snapshot's key names the namespace that the layer is in.
    String namespace =
        CallNamespace.require(
            "apply: layer " + digest, said.or(() -> CallNamespace.inKey(target.key())));
    try (LayerBlob blob = content.open(namespace, digest, diff.getSize())) {
      AppliedLayer layer =
          target.unpack(
              blob, request.getSyncFs(), () -> content.openNext(namespace, digest), cancellation);
      warnOfOverlayXattrs(digest, layer);
      return Descriptor.newBuilder()
          .setMediaType(TAR)
          .setDigest(layer.diffId().text())
          .setSize(layer.sizeBytes())
          .build();
    } catch (IOException e) {
      // Only closing the blob throws this, and all of it has been read correctly.
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
          "overlay attributes left out layer={} count={}", digest, layer.overlayXattrsDropped());
    }
  }

  @Override
  public void diff(DiffRequest request, StreamObserver<DiffResponse> client) {
    Cancellation cancellation = new Cancellation();
    Optional<String> namespace = CallNamespace.said();
    RpcCall.give(
        rpcExecutor::dispatchApply,
        "Diff",
        client,
        cancellation::cancel,
        () -> DiffResponse.newBuilder().setDiff(diff(namespace, request, cancellation)).build());
  }

  private Descriptor diff(Optional<String> said, DiffRequest request, Cancellation cancellation) {
    String mediaType =
        request.getMediaType().isEmpty() ? LayerMediaType.DEFAULT : request.getMediaType();
    LayerFormat format = new LayerFormat(LayerMediaType.compression(mediaType), latest(request));
    List<Mount> right = SnapshotMessages.toMounts(request.getRightList());
    String name = builder.name(right);
    String namespace = CallNamespace.require("diff", said.or(() -> CallNamespace.inKey(name)));
    try (ContentIngest ingest = content.ingest(namespace, request.getRef())) {
      PackedLayer layer =
          builder.make(
              SnapshotMessages.toMounts(request.getLeftList()),
              right,
              format,
              ingest,
              cancellation);
      warnOfXattrsLeftOut(name, layer);
      Map<String, String> labels = new HashMap<>(request.getLabelsMap());
      labels.put(LayerLabels.UNCOMPRESSED_LABEL, layer.diffId().text());
      ingest.commit(layer.blob(), labels);
      return Descriptor.newBuilder()
          .setMediaType(mediaType)
          .setDigest(layer.blob().text())
          .setSize(layer.blobBytes())
          .build();
    }
  }

  private static Optional<Instant> latest(DiffRequest request) {
    if (!request.hasSourceDateEpoch()) {
      return Optional.empty();
    }
    Timestamp epoch = request.getSourceDateEpoch();
    try {
      return Optional.of(Instant.ofEpochSecond(epoch.getSeconds(), epoch.getNanos()));
    } catch (DateTimeException | ArithmeticException e) {
      throw new SnapshotException.InvalidArgument("diff: source_date_epoch: " + e.getMessage());
    }
  }

  private static void warnOfXattrsLeftOut(String name, PackedLayer layer) {
    if (layer.xattrsLeftOut() > 0) {
      LOG.warn(
          "attributes with = in their names left out of a layer snapshot=\"{}\" count={}",
          name,
          layer.xattrsLeftOut());
    }
  }
}
