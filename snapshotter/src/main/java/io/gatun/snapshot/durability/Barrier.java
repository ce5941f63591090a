package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;

/** Makes durable whatever was written to the filesystem that the snapshots are on. */
@FunctionalInterface
public interface Barrier {

  /** Returns when everything that was written before is durable. */
  void await() throws ErrnoException;
}
