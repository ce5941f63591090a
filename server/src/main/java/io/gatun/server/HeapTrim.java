package io.gatun.server;

import io.gatun.server.rpc.CallsInFlight;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.lang.management.MemoryUsage;
import java.util.OptionalLong;

/**
 * Returns memory to the host after a burst of calls.
 *
 * <p>The serial collector lets the heap grow to its limit before it collects the old generation,
 * and shrinks the heap only then, which may never happen on a quiet daemon. This asks for a
 * collection after a while without calls, and only if the heap has grown since the last one. A
 * collection takes some 20 ms.
 */
final class HeapTrim {

  /** More than the young generation takes before it is collected. */
  private static final long GROWTH_BYTES = 4 << 20;

  private final CallsInFlight calls;
  private final MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
  private long begunBefore;
  private MemoryUsage after = memory.getHeapMemoryUsage();

  HeapTrim(CallsInFlight calls) {
    this.calls = calls;
  }

  /** Called periodically; collects if no call began since the previous call of this method. */
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
