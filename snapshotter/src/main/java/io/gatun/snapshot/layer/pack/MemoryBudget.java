package io.gatun.snapshot.layer.pack;

/** What one walk may keep in memory of names; who needs more is left to others. */
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
   * @param what would be too much, in words
   * @throws UnsupportedTreeException if more has been taken than there is
   */
  void check(String what) throws UnsupportedTreeException {
    if (taken > bytesMax) {
      throw new UnsupportedTreeException(
          "%s: its names take more than %d bytes of memory".formatted(what, bytesMax));
    }
  }
}
