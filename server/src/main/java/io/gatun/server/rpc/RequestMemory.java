package io.gatun.server.rpc;

import java.util.concurrent.atomic.AtomicLong;

/** The memory that requests in flight may take together, and what is taken of it, in bytes. */
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

  /** {@return whether so much was left, in which case it is taken now} */
  boolean tryTake(long bytes) {
    if (takenBytes.addAndGet(bytes) <= bytesMax) {
      return true;
    }
    takenBytes.addAndGet(-bytes);
    return false;
  }

  /** Takes what cannot be refused, whatever is left. */
  void take(long bytes) {
    takenBytes.addAndGet(bytes);
  }

  /** Gives back what was taken. */
  void give(long bytes) {
    takenBytes.addAndGet(-bytes);
  }
}
