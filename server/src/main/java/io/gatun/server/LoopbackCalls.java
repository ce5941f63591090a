package io.gatun.server;

import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.SnapshotsGrpc.SnapshotsBlockingStub;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.server.content.SharedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Calls of a daemon to itself over its own socket: those that containerd makes for each layer, with
 * arguments that have no effect.
 */
final class LoopbackCalls {

  private static final String DIGEST = "sha256:" + "0".repeat(64);

  /** containerd's keys always have a namespace, so this one never exists. */
  private static final String NOBODYS_KEY = "warm-up";

  /** A snapshot without a key is refused before any work is done. */
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

  /** With many snapshots a listing is slow, and is not repeated beyond this time. */
  private static final long LISTING_NANOS_MAX = TimeUnit.MILLISECONDS.toNanos(500);

  private final SharedChannel self;
  private long listingNanos;
  private long count;

  /**
   * @param self a channel to the daemon itself
   */
  LoopbackCalls(SharedChannel self) {
    this.self = self;
  }

  /** {@return how many calls there have been} */
  long count() {
    return count;
  }

  /**
   * Makes one round of calls.
   *
   * @throws StatusRuntimeException if an answer is not the expected one, for instance because the
   *     daemon is stopping
   */
  void ask() {
    ask(snapshots -> snapshots.stat(STAT));
    ask(snapshots -> snapshots.prepare(PREPARE));
    if (listingNanos < LISTING_NANOS_MAX) {
      long begin = System.nanoTime();
      ask(snapshots -> snapshots.list(LIST).forEachRemaining(batch -> {}));
      listingNanos += System.nanoTime() - begin;
    }
  }

  private void ask(Consumer<SnapshotsBlockingStub> question) {
    count++;
    try {
      var _ =
          self.ask(
              channel -> {
                question.accept(SnapshotsGrpc.newBlockingStub(channel));
                return true;
              });
    } catch (StatusRuntimeException e) {
      if (!EXPECTED.contains(e.getStatus().getCode())) {
        throw e;
      }
    }
  }
}
