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

/** A connection to the daemon that has it convert layers. */
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

  /** {@return what it takes to convert a layer; nothing if it has gone} */
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

  /** {@return why a layer cannot become an index; nothing if it is one now} */
  Optional<String> index(String name, LayerLabels.Blob blob) {
    IndexRequest request =
        IndexRequest.newBuilder()
            .setName(name)
            .setBlobDigest(blob.digest().text())
            .setBlobSizeBytes(blob.sizeBytes())
            .build();
    return convert(
        () -> {
          var _ = stub().index(request);
        });
  }

  /** {@return why a layer cannot become a directory; nothing if it is one now} */
  Optional<String> layOut(String name) {
    LayOutRequest request = LayOutRequest.newBuilder().setName(name).build();
    return convert(
        () -> {
          var _ = stub().layOut(request);
        });
  }

  /** What concerns this layer alone is no reason to leave the others as they are. */
  private Optional<String> convert(Runnable conversion) {
    try {
      conversion.run();
      return Optional.empty();
    } catch (StatusRuntimeException e) {
      return switch (e.getStatus().getCode()) {
        case NOT_FOUND, INVALID_ARGUMENT, FAILED_PRECONDITION, UNIMPLEMENTED, INTERNAL ->
            Optional.of(String.valueOf(e.getStatus().getDescription()));
        default -> throw failure(e);
      };
    }
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
