package io.gatun.snapshot.unpack;

/** A layer that was read before its request came, and has no snapshot yet. */
sealed interface Prefetched permits PrefetchedTree, PrefetchedTar {

  /** Gives up what is left of it that no snapshot has. */
  void release();
}
