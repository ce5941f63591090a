package io.gatun.snapshot.unpack;

/** A layer that was read before it was requested, and has no snapshot yet. */
sealed interface Prefetched permits PrefetchedTree, PrefetchedTar {

  /** Releases the files of the layer that no snapshot has taken over. */
  void release();
}
