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
 * The share of the memory of all requests, {@link RequestLimits}, that one request uses, from the
 * first byte of its headers until it has been answered and its work has ended.
 *
 * <p>grpc-java reports the bytes of a message as they arrive, so a request is refused before it
 * exceeds its share. Each byte on the wire is counted with the most memory that it can become: a
 * label of one letter is seven bytes there and an entry in two maps here.
 *
 * <p>A Remove of ordinary size is never refused, since containerd's garbage collection would give
 * up. The number of connections and calls on each bounds the memory of removals.
 */
public final class RequestBudget extends ServerStreamTracer {

  /** The request of the call that the current thread starts. */
  static final Context.Key<RequestBudget> CURRENT = Context.key("gatun-request");

  /** The stream, its headers and grpc-java's state of a call. */
  static final long CALL_BYTES = 8 << 10;

  /** Memory per byte of a message. */
  static final long MEMORY_PER_BYTE = 32;

  /** Memory per byte of a List: the filter {@code a,a,a} is three selectors. */
  static final long MEMORY_PER_FILTER_BYTE = 128;

  /** A Remove with a longer key may be refused; containerd's keys have some hundred bytes. */
  static final long REMOVAL_BYTES_MAX = 4 << 10;

  /** The phases of a request; it can be refused only while it is being received. */
  private enum Phase {
    RECEIVING,
    RECEIVED,
    ENDED
  }

  private final RequestLimits memory;
  private final boolean isRemoval;
  private final long memoryPerByte;
  private final long startNanos = System.nanoTime();
  private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.RECEIVING);
  private final AtomicLong takenBytes = new AtomicLong();

  /** The stream, and any work on the request. */
  private final AtomicInteger holders = new AtomicInteger(1);

  // Only the event loop of the connection uses these two.
  private long receivedBytes;
  private boolean hasRoom;

  private volatile @Nullable ServerCall<?, ?> call;

  RequestBudget(RequestLimits memory, String method) {
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

  /** An answer stays in memory until the client has read it. */
  @Override
  public void outboundWireSize(long bytes) {
    memory.take(bytes);
    takenBytes.addAndGet(bytes);
  }

  @Override
  public void streamClosed(Status status) {
    phase.set(Phase.ENDED);
    memory.forget(this);
    release();
  }

  /** {@return whether the call is open and its request incomplete} */
  boolean isReceiving() {
    return phase.get() == Phase.RECEIVING;
  }

  /** {@return whether the request is now complete; false if the call ended before} */
  boolean complete() {
    return phase.compareAndSet(Phase.RECEIVING, Phase.RECEIVED);
  }

  /** {@return whether this ended the call; false if it had ended before} */
  boolean end() {
    return phase.getAndSet(Phase.ENDED) != Phase.ENDED;
  }

  /** Ends the call if its request is incomplete after this time. */
  void expire(long nanosMax, Status status) {
    if (System.nanoTime() - startNanos > nanosMax) {
      refuse(status);
    }
  }

  /** Keeps the request's memory reserved, even if its client goes. */
  void hold() {
    holders.incrementAndGet();
  }

  /** Ends one {@link #hold}, or that of the stream. */
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
