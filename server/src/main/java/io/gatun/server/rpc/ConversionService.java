package io.gatun.server.rpc;

import io.gatun.proto.conversion.ConversionGrpc;
import io.gatun.proto.conversion.EstimateRequest;
import io.gatun.proto.conversion.EstimateResponse;
import io.gatun.proto.conversion.IndexRequest;
import io.gatun.proto.conversion.IndexResponse;
import io.gatun.proto.conversion.LayOutRequest;
import io.gatun.proto.conversion.LayOutResponse;
import io.gatun.server.content.CallNamespace;
import io.gatun.server.content.ContentStore;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerConverter;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.function.Function;

/** Gatun's own service to convert layers, one a call. What was not finished is as it was. */
public final class ConversionService extends ConversionGrpc.ConversionImplBase {

  private final LayerConverter converter;
  private final ContentStore content;
  private final RpcExecutor rpcExecutor;

  public ConversionService(
      LayerConverter converter, ContentStore content, RpcExecutor rpcExecutor) {
    this.converter = converter;
    this.content = content;
    this.rpcExecutor = rpcExecutor;
  }

  @Override
  public void estimate(EstimateRequest request, StreamObserver<EstimateResponse> client) {
    RpcCall.give(
        rpcExecutor::dispatch,
        "Estimate",
        (ServerCallStreamObserver<EstimateResponse>) client,
        () -> {},
        () -> estimate(request));
  }

  private EstimateResponse estimate(EstimateRequest request) {
    Optional<Digest> diffId =
        Optional.of(request.getDiffId())
            .filter(text -> !text.isEmpty())
            .map(ConversionService::digest);
    LayerConverter.Estimate estimate = converter.estimate(request.getName(), diffId);
    return EstimateResponse.newBuilder()
        .setIndexed(estimate.isIndexed())
        .setNeededBytes(estimate.neededBytes())
        .setAvailableBytes(estimate.availableBytes())
        .setEmpty(estimate.isEmpty())
        .addAllUsers(estimate.users())
        .build();
  }

  @Override
  public void index(IndexRequest request, StreamObserver<IndexResponse> client) {
    convert(
        "Index",
        client,
        cancellation -> {
          index(request, cancellation);
          return IndexResponse.getDefaultInstance();
        });
  }

  private void index(IndexRequest request, Cancellation cancellation) {
    String name = request.getName();
    Digest digest = digest(request.getBlobDigest());
    Optional<String> namespace = CallNamespace.inKey(name);
    if (namespace.isEmpty()) {
      throw new SnapshotException.InvalidArgument(
          "convert %s: the name begins with no namespace".formatted(name));
    }
    try (LayerBlob blob =
        content.open(
            CallNamespace.require("convert: layer " + digest, namespace),
            digest,
            request.getBlobSizeBytes())) {
      converter.index(name, blob, cancellation);
    } catch (IOException e) {
      // Nothing but closing the blob throws one, and what was read of it is as it was.
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void layOut(LayOutRequest request, StreamObserver<LayOutResponse> client) {
    convert(
        "LayOut",
        client,
        cancellation -> {
          converter.layOut(request.getName(), cancellation);
          return LayOutResponse.getDefaultInstance();
        });
  }

  private <T> void convert(
      String call, StreamObserver<T> client, Function<Cancellation, T> conversion) {
    Cancellation cancellation = new Cancellation();
    RpcCall.give(
        rpcExecutor::dispatchConversion,
        call,
        (ServerCallStreamObserver<T>) client,
        cancellation::cancel,
        () -> conversion.apply(cancellation));
  }

  private static Digest digest(String text) {
    try {
      return new Digest(text);
    } catch (IllegalArgumentException e) {
      throw new SnapshotException.InvalidArgument("convert: " + e.getMessage());
    }
  }
}
