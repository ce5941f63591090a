package io.gatun.cli;

import io.gatun.proto.conversion.ConversionGrpc;
import io.gatun.proto.conversion.ConversionGrpc.ConversionBlockingStub;
import io.gatun.proto.conversion.EstimateRequest;
import io.gatun.proto.conversion.EstimateResponse;
import io.gatun.proto.conversion.IndexRequest;
import io.gatun.proto.conversion.LayOutRequest;
import io.gatun.server.DaemonConnection;
import io.gatun.server.config.StartException;
import io.gatun.server.content.LayerLabels;
import io.gatun.snapshot.Digest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A client of the daemon's Conversion service. */
final class ConversionClient implements AutoCloseable {

  /** Counting the files of a large layer is the longest that an estimate may take. */
  private static final long ESTIMATE_SECONDS_MAX = 300;

  private final Path address;
  private final DaemonConnection connection;

  ConversionClient(Path address) {
    this.address = address;
    this.connection = new DaemonConnection(address);
  }

  private ConversionBlockingStub stub() {
    return ConversionGrpc.newBlockingStub(connection.channel());
  }

  /** {@return the estimate for a layer; empty if the snapshot is gone} */
  Optional<EstimateResponse> estimate(String name, Optional<Digest> diffId) {
    EstimateRequest.Builder request = EstimateRequest.newBuilder().setName(name);
    diffId.ifPresent(digest -> request.setDiffId(digest.text()));
    try {
      return Optional.of(
          stub()
              .withDeadlineAfter(ESTIMATE_SECONDS_MAX, TimeUnit.SECONDS)
              .estimate(request.build()));
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
        return Optional.empty();
      }
      throw failure(e);
    }
  }

  /**
   * {@return the reason why a layer cannot be converted; empty if it was} A failure that concerns
   * only this layer does not prevent the conversion of others.
   */
  Optional<String> convert(ConversionPlan.Step step) {
    try {
      if (step.blob().isPresent()) {
        index(step.name(), step.blob().get());
      } else {
        var _ = stub().layOut(LayOutRequest.newBuilder().setName(step.name()).build());
      }
      return Optional.empty();
    } catch (StatusRuntimeException e) {
      return switch (e.getStatus().getCode()) {
        case NOT_FOUND, INVALID_ARGUMENT, FAILED_PRECONDITION, UNIMPLEMENTED, INTERNAL ->
            Optional.of(String.valueOf(e.getStatus().getDescription()));
        default -> throw failure(e);
      };
    }
  }

  private void index(String name, LayerLabels.Blob blob) {
    IndexRequest request =
        IndexRequest.newBuilder()
            .setName(name)
            .setBlobDigest(blob.digest().text())
            .setBlobSizeBytes(blob.sizeBytes())
            .build();
    var _ = stub().index(request);
  }

  private StartException failure(StatusRuntimeException failure) {
    Status status = failure.getStatus();
    return new StartException(
        "the daemon on %s answers %s: %s"
            .formatted(address, status.getCode(), status.getDescription()),
        failure);
  }

  @Override
  public void close() {
    connection.close();
  }
}
