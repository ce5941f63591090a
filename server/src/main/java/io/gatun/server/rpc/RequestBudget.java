package io.gatun.server.rpc;

import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What one request takes of the {@link RequestMemory}, from the first byte of its headers until it
 * is both answered and no longer worked on.
 *
 * <p>grpc-java tells of the bytes of a message as they come in, so a request is refused before it
 * has filled what it may not have. A byte on the wire is reckoned with what it can become at worst:
 * a label of one letter is seven bytes there and an entry in two maps here.
 *
 * <p>An ordinary Remove is never refused: containerd's garbage collection would give up. What many
 * of them take is bounded by the connections and the calls on each.
 */
public final class RequestBudget extends ServerStreamTracer {

  /** The request that the current thread is asked to begin with. */
  static final Context.Key<RequestBudget> CURRENT = Context.key("gatun-request");

  /** The stream, its headers and what grpc-java keeps of a call. */
  static final long CALL_BYTES = 8 << 10;

  /** Of memory for a byte of a message. */
  static final long MEMORY_PER_BYTE = 32;

  /** The same for a byte of a filter: {@code a,a,a} is three selectors. */
  static final long MEMORY_PER_FILTER_BYTE = 128;

  /** containerd's keys have some hundred bytes; a Remove of a longer one may be refused. */
  static final long REMOVAL_BYTES_MAX = 4 << 10;

  /** In which order it goes; only what is being received can still be refused from here. */
  private enum Phase {
    RECEIVING,
    RECEIVED,
    ENDED
  }

  private final RequestMemory memory;
  private final boolean isRemoval;
  private final long memoryPerByte;
  private final long startNanos = System.nanoTime();
  private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.RECEIVING);
  private final AtomicLong takenBytes = new AtomicLong();

  /** The stream, and whoever works on the request. */
  private final AtomicInteger holders = new AtomicInteger(1);

  // Only the event loop of the connection uses these two.
  private long receivedBytes;
  private boolean hasRoom;

  private volatile @Nullable ServerCall<?, ?> call;

  RequestBudget(RequestMemory memory, String method) {
    this.memory = memory;
    this.isRemoval = method.equals(SnapshotsGrpc.getRemoveMethod().getFullMethodName());
    this.memoryPerByte =
        method.equals(SnapshotsGrpc.getListMethod().getFullMethodName())
            ? MEMORY_PER_FILTER_BYTE
            : MEMORY_PER_BYTE;
    this.hasRoom = hasRoomFor(CALL_BYTES);
  }

  @Override
  public Context filterContext(Context context) {
    return context.withValue(CURRENT, this);
  }

  /** {@return whether the call may begin; otherwise it has been refused} */
  boolean begin(ServerCall<?, ?> begun) {
    this.call = begun;
    if (!hasRoom) {
      refuse(exhausted());
    }
    return hasRoom;
  }

  @Override
  public void inboundWireSize(long bytes) {
    receivedBytes += bytes;
    if (hasRoom && !hasRoomFor(bytes * memoryPerByte)) {
      hasRoom = false;
      refuse(exhausted());
    }
  }

  /** An answer that its client does not read stays here. */
  @Override
  public void outboundWireSize(long bytes) {
    memory.take(bytes);
    takenBytes.addAndGet(bytes);
  }

  @Override
  public void streamClosed(Status status) {
    phase.set(Phase.ENDED);
    release();
  }

  /** {@return whether the call goes on and its request is not complete} */
  boolean isReceiving() {
    return phase.get() == Phase.RECEIVING;
  }

  /** {@return whether the request is complete now; otherwise it has ended before} */
  boolean complete() {
    return phase.compareAndSet(Phase.RECEIVING, Phase.RECEIVED);
  }

  /** {@return whether nobody has ended the call yet, so that the caller is to do it} */
  boolean end() {
    return phase.getAndSet(Phase.ENDED) != Phase.ENDED;
  }

  /** Ends the call if it is not complete by now. */
  void expire(long nanosMax, Status status) {
    if (System.nanoTime() - startNanos > nanosMax) {
      refuse(status);
    }
  }

  /** Keeps what the request has taken, also when its client has gone. */
  void hold() {
    holders.incrementAndGet();
  }

  /** Ends one hold, or that of the stream. */
  void release() {
    if (holders.decrementAndGet() == 0) {
      memory.give(takenBytes.getAndSet(0));
    }
  }

  private boolean hasRoomFor(long bytes) {
    if (isRemoval && receivedBytes <= REMOVAL_BYTES_MAX) {
      memory.take(bytes);
    } else if (!memory.tryTake(bytes)) {
      return false;
    }
    takenBytes.addAndGet(bytes);
    return true;
  }

  private void refuse(Status status) {
    ServerCall<?, ?> begun = call;
    if (begun != null && phase.compareAndSet(Phase.RECEIVING, Phase.ENDED)) {
      begun.close(status, new Metadata());
    }
  }

  private Status exhausted() {
    return Status.RESOURCE_EXHAUSTED.withDescription(
        "after %d bytes of the request, requests in flight take %d of request_memory_bytes_max=%d: %s"
            .formatted(
                receivedBytes,
                memory.takenBytes(),
                memory.bytesMax(),
                receivedBytes * memoryPerByte > memory.bytesMax() / 2
                    ? "send less, or try again later"
                    : "try again later"));
  }
}
