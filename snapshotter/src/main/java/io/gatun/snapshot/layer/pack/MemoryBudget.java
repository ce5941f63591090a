package io.gatun.snapshot.layer.pack;

import io.gatun.snapshot.layer.codec.UnsupportedLayerException;

/** Limits the memory that one walk may use for names; a tree that needs more is not supported. */
final class MemoryBudget {

  private final long bytesMax;
  private long taken;

  MemoryBudget(long bytesMax) {
    this.bytesMax = bytesMax;
  }

  void take(long bytes) {
    taken += bytes;
  }

  void give(long bytes) {
    taken -= bytes;
  }

  /**
   * @param what describes the excess
   * @throws UnsupportedLayerException if the budget is exceeded
   */
  void check(String what) throws UnsupportedLayerException {
    if (taken > bytesMax) {
      throw new UnsupportedLayerException(
          "%s: its names take more than %d bytes of memory".formatted(what, bytesMax));
    }
  }
}
