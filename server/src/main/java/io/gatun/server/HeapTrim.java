package io.gatun.server;

import io.gatun.server.rpc.CallsInFlight;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.lang.management.MemoryUsage;
import java.util.OptionalLong;

/**
 * Gives memory back to the host once a burst of calls is over.
 *
 * <p>The serial collector lets the heap grow up to its limit before it looks at what is old, and
 * shrinks it only when it does, which on a quiet daemon may never be. A collection is asked for
 * when nothing has been called for a while, and only if the heap has grown since the last one; it
 * takes some 20 ms.
 */
final class HeapTrim {

  /**
   * What a quiet daemon may collect: more than the young generation takes before it is looked at.
   */
  private static final long GROWTH_BYTES = 4 << 20;

  private final CallsInFlight calls;
  private final MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
  private long begunBefore;
  private MemoryUsage after = memory.getHeapMemoryUsage();

  HeapTrim(CallsInFlight calls) {
    this.calls = calls;
  }

  /** To be called every now and then; does something if there was no call in between. */
  void trimIfQuiet() {
    OptionalLong begun = calls.begunIfNone();
    if (begun.isEmpty()) {
      begunBefore = -1;
      return;
    }
    boolean isQuiet = begun.getAsLong() == begunBefore;
    begunBefore = begun.getAsLong();
    if (isQuiet && hasGrown(memory.getHeapMemoryUsage())) {
      memory.gc();
      after = memory.getHeapMemoryUsage();
    }
  }

  private boolean hasGrown(MemoryUsage now) {
    return now.getCommitted() > after.getCommitted()
        || now.getUsed() > after.getUsed() + GROWTH_BYTES;
  }
}
