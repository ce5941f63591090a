package io.gatun.server.rpc;

import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.ListSnapshotsResponse;
import io.gatun.snapshot.SnapshotInfo;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The answers to one List, in batches, no faster than the client reads.
 *
 * <p>The listing thread blocks here while the client's window is full; the event loop wakes it. It
 * holds no lock of the snapshotter then, so a client may make further calls for each info.
 */
final class InfoStream implements Consumer<SnapshotInfo> {

  /** The batch size of containerd's own server. */
  static final int BATCH_SIZE = 100;

  /** A batch of this size is sent before it has {@link #BATCH_SIZE} snapshots. */
  private static final int BATCH_BYTES = 64 << 10;

  /** A client that reads nothing for this long is considered gone. */
  private static final long STALL_SECONDS = 60;

  private final ServerCallStreamObserver<ListSnapshotsResponse> client;
  private int batchBytes;
  private ListSnapshotsResponse.Builder batch = ListSnapshotsResponse.newBuilder();

  /** Must be created on the event loop before the handler returns, as grpc-java requires. */
  InfoStream(ServerCallStreamObserver<ListSnapshotsResponse> client) {
    this.client = client;
    client.setOnReadyHandler(this::wake);
  }

  /**
   * Adds a snapshot to the answer.
   *
   * @throws CancellationException if the client has gone
   */
  @Override
  public void accept(SnapshotInfo info) {
    Info message = SnapshotMessages.toMessage(info);
    batch.addInfo(message);
    batchBytes += message.getSerializedSize();
    if (batch.getInfoCount() == BATCH_SIZE || batchBytes >= BATCH_BYTES) {
      send();
    }
  }

  /** Sends the last batch and completes the call. */
  void finish() {
    if (batch.getInfoCount() > 0) {
      send();
    }
    client.onCompleted();
  }

  private void send() {
    awaitReady();
    client.onNext(batch.build());
    batch = ListSnapshotsResponse.newBuilder();
    batchBytes = 0;
  }

  private synchronized void awaitReady() {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(STALL_SECONDS);
    while (!client.isReady() && !client.isCancelled()) {
      long left = end - System.nanoTime();
      if (left <= 0) {
        throw new CancellationException(
            "the client of List read nothing for " + STALL_SECONDS + " s");
      }
      try {
        TimeUnit.NANOSECONDS.timedWait(this, left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CancellationException("gatun is stopping");
      }
    }
    if (client.isCancelled()) {
      throw new CancellationException("the client of List has gone");
    }
  }

  /** Wakes the listing thread, for instance because the client has gone. */
  synchronized void wake() {
    notifyAll();
  }
}
