package io.gatun.server.rpc;

import java.util.concurrent.atomic.AtomicLong;

/** The memory that all requests in flight share, in bytes. */
public final class RequestMemory {

  private final long bytesMax;
  private final AtomicLong takenBytes = new AtomicLong();

  public RequestMemory(long bytesMax) {
    this.bytesMax = bytesMax;
  }

  long bytesMax() {
    return bytesMax;
  }

  long takenBytes() {
    return takenBytes.get();
  }

  /** {@return whether the bytes were available; if so, they are taken now} */
  boolean tryTake(long bytes) {
    if (takenBytes.addAndGet(bytes) <= bytesMax) {
      return true;
    }
    takenBytes.addAndGet(-bytes);
    return false;
  }

  /** Takes bytes for a request that cannot be refused, even beyond the limit. */
  void take(long bytes) {
    takenBytes.addAndGet(bytes);
  }

  void give(long bytes) {
    takenBytes.addAndGet(-bytes);
  }
}
