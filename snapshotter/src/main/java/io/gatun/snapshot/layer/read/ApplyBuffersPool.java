package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.layer.codec.GzipEngine;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Workspaces that are not in use. They are kept as long as others are, since the layers of an image
 * come together; of those that an idle daemon has, all but one are given back.
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

  /** Takes one back, which nobody uses any more. */
  synchronized void give(ApplyBuffers applyBuffers) {
    used--;
    idle.push(applyBuffers);
    if (used == 0) {
      closeBeyond(1);
    }
  }

  /** {@return how many there are, in use or not} */
  synchronized int count() {
    return used + idle.size();
  }

  /** {@return how many chunks those have that are not in use} */
  synchronized int idleChunks() {
    return idle.stream().mapToInt(ApplyBuffers::chunks).sum();
  }

  /** Gives back those that are not in use, which all should be. */
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
