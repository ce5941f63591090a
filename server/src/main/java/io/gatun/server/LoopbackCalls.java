package io.gatun.server;

import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.ListSnapshotsResponse;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.SnapshotsGrpc.SnapshotsBlockingStub;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.server.content.SharedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * What a daemon asks itself, by way of its own socket: what containerd asks for each layer, but so
 * that nothing comes of it.
 */
final class LoopbackCalls {

  private static final String DIGEST = "sha256:" + "0".repeat(64);

  /** No key of containerd is without a namespace. */
  private static final String NOBODYS_KEY = "warm-up";

  /** A snapshot without a key is refused before anything is done for it. */
  private static final PrepareSnapshotRequest PREPARE =
      PrepareSnapshotRequest.newBuilder()
          .setParent(NOBODYS_KEY)
          .putLabels("containerd.io/snapshot.ref", DIGEST)
          .build();

  private static final StatSnapshotRequest STAT =
      StatSnapshotRequest.newBuilder().setKey(NOBODYS_KEY).build();

  private static final ListSnapshotsRequest LIST =
      ListSnapshotsRequest.newBuilder()
          .addFilters(
              "labels.\"containerd.io/snapshot.ref\"==%s,parent==\"%s\""
                  .formatted(DIGEST, NOBODYS_KEY))
          .build();

  private static final Set<Status.Code> EXPECTED =
      Set.of(Status.Code.NOT_FOUND, Status.Code.INVALID_ARGUMENT);

  /** Where there are many snapshots, it takes long to look through them, and not many times. */
  private static final long LISTING_NANOS_MAX = TimeUnit.MILLISECONDS.toNanos(500);

  private final SharedChannel self;
  private long listingNanos;
  private long count;

  /**
   * @param self to the daemon itself
   */
  LoopbackCalls(SharedChannel self) {
    this.self = self;
  }

  /** {@return how many there have been} */
  long count() {
    return count;
  }

  /**
   * Asks one round of questions.
   *
   * @throws StatusRuntimeException if the daemon does not answer them as it should, such as when it
   *     is told to end
   */
  void ask() {
    ask(snapshots -> snapshots.stat(STAT));
    ask(snapshots -> snapshots.prepare(PREPARE));
    if (listingNanos < LISTING_NANOS_MAX) {
      long begin = System.nanoTime();
      ask(snapshots -> all(snapshots.list(LIST)));
      listingNanos += System.nanoTime() - begin;
    }
  }

  private static List<ListSnapshotsResponse> all(Iterator<ListSnapshotsResponse> answers) {
    List<ListSnapshotsResponse> all = new ArrayList<>();
    answers.forEachRemaining(all::add);
    return all;
  }

  private <T> void ask(Function<SnapshotsBlockingStub, T> question) {
    count++;
    try {
      var _ = self.ask(channel -> question.apply(SnapshotsGrpc.newBlockingStub(channel)));
    } catch (StatusRuntimeException e) {
      if (!EXPECTED.contains(e.getStatus().getCode())) {
        throw e;
      }
    }
  }
}
