package io.gatun.snapshot.unpack;

import io.gatun.snapshot.layer.LayerTarget;
import java.io.IOException;
import java.util.Optional;

/** Puts the files of a layer into a snapshot, or has them in a tree that can take its place. */
interface PrefetchedTreeSource extends DirectorySource {

  /**
   * {@return a tree with the layer, which nobody else gets; nothing if it has to be {@link #write
   * written}}
   *
   * @param place where its files would be written to
   */
  Optional<PrefetchedTree> take(LayerTarget place) throws IOException;
}
