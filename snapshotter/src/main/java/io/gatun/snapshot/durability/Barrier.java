package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;

/** Makes all earlier writes to the snapshots' filesystem durable. */
@FunctionalInterface
public interface Barrier {

  /** Returns when all earlier writes are durable. */
  void await() throws ErrnoException;
}
