/**
 * Builds the indexes of layers.
 *
 * <pre>
 *   LayerReader -> LayerIndexer -> IndexTree, see layer.erofs
 *   file -> ImageTemplate -> index of the same layer for other lower layers
 *        -> RecordedAttributes -> LayerIndexer, to compare the index with the tar
 * </pre>
 *
 * <p>{@link LayerIndexer} is the entry point. Changes files only through the disk seam; knows no
 * snapshots or drivers.
 */
@NullMarked
package io.gatun.snapshot.layer.index;

import org.jspecify.annotations.NullMarked;
