package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.layer.codec.GzipEngine;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Pools unused buffers. They are kept while others are in use, since the layers of an image arrive
 * together; once all are idle, all but one are freed.
 */
final class ApplyBuffersPool implements AutoCloseable {

  private final GzipEngine gzipEngine;
  private final int chunkBytes;
  private final Deque<ApplyBuffers> idle = new ArrayDeque<>();
  private int used;

  ApplyBuffersPool(GzipEngine gzipEngine, int chunkBytes) {
    this.gzipEngine = gzipEngine;
    this.chunkBytes = chunkBytes;
  }

  synchronized ApplyBuffers take() {
    ApplyBuffers applyBuffers = idle.poll();
    if (applyBuffers == null) {
      applyBuffers = new ApplyBuffers(gzipEngine, chunkBytes);
    }
    used++;
    return applyBuffers;
  }

  /** Returns buffers to the pool. */
  synchronized void give(ApplyBuffers applyBuffers) {
    used--;
    idle.push(applyBuffers);
    if (used == 0) {
      closeBeyond(1);
    }
  }

  /** {@return the number of buffers, in use or idle} */
  synchronized int count() {
    return used + idle.size();
  }

  synchronized int idleChunks() {
    return idle.stream().mapToInt(ApplyBuffers::chunks).sum();
  }

  /** Frees the idle buffers; none should be in use. */
  @Override
  public synchronized void close() {
    closeBeyond(0);
  }

  private void closeBeyond(int kept) {
    while (idle.size() > kept) {
      idle.removeLast().close();
    }
  }
}
