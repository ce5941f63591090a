package io.gatun.cli;

import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.SnapshotsGrpc.SnapshotsBlockingStub;
import io.gatun.proto.snapshots.UsageRequest;
import io.gatun.proto.snapshots.UsageResponse;
import io.gatun.server.DaemonConnection;
import io.gatun.server.config.StartException;
import io.gatun.server.rpc.SnapshotMessages;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Usage;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** A client of the daemon's Snapshots service. */
final class SnapshotsClient implements AutoCloseable {

  /** 100,000 snapshots take a second. */
  private static final long LIST_SECONDS_MAX = 30;

  /** Usage may have to count the files of a large snapshot. */
  private static final long USAGE_SECONDS_MAX = 300;

  private final Path address;
  private final DaemonConnection connection;

  SnapshotsClient(Path address) {
    this.address = address;
    this.connection = new DaemonConnection(address);
  }

  /** {@return the snapshots that match one of the filters, or all if there are none} */
  List<SnapshotInfo> list(List<String> filters) {
    return ask(
        LIST_SECONDS_MAX,
        stub -> {
          List<SnapshotInfo> found = new ArrayList<>();
          stub.list(ListSnapshotsRequest.newBuilder().addAllFilters(filters).build())
              .forEachRemaining(
                  batch ->
                      batch.getInfoList().stream()
                          .map(SnapshotMessages::toSnapshot)
                          .forEach(found::add));
          return found;
        });
  }

  /** {@return the usage of a snapshot by itself, or empty if the snapshot or its files are gone} */
  Optional<Usage> usage(String key) {
    return ask(
        USAGE_SECONDS_MAX,
        stub -> {
          try {
            UsageResponse usage = stub.usage(UsageRequest.newBuilder().setKey(key).build());
            return Optional.of(new Usage(usage.getInodes(), usage.getSize()));
          } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
              return Optional.empty();
            }
            throw e;
          }
        });
  }

  private <T> T ask(long secondsMax, Function<SnapshotsBlockingStub, T> question) {
    try {
      return question.apply(
          SnapshotsGrpc.newBlockingStub(connection.channel())
              .withDeadlineAfter(secondsMax, TimeUnit.SECONDS));
    } catch (StatusRuntimeException e) {
      Status status = e.getStatus();
      if (status.getCode() == Status.Code.UNAVAILABLE) {
        throw new StartException(
            "no daemon answers on %s: start `gatun serve`, or name its socket with --address"
                .formatted(address),
            e);
      }
      throw new StartException(
          "the daemon on %s answers %s: %s"
              .formatted(address, status.getCode(), status.getDescription()),
          e);
    }
  }

  @Override
  public void close() {
    connection.close();
  }
}
