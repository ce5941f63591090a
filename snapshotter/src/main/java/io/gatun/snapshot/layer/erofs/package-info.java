/**
 * Indexes of layers: the tree of a layer as an EROFS image without content, which refers to offsets
 * in the uncompressed tar. The kernel mounts it with the tar as its second device, so no file has
 * to be extracted.
 *
 * <pre>
 *   LayerReader -> LayerIndexer -> IndexTree (off-heap, spilled to a file beyond a limit)
 *                               -> Placement -> IndexImage -> file
 *   file -> ImageTemplate -> index of the same layer for other lower layers
 *        -> RecordedAttributes -> LayerIndexer, to compare the index with the tar
 * </pre>
 *
 * <p>{@link io.gatun.snapshot.layer.erofs.LayerIndexer} is the entry point, {@link
 * io.gatun.snapshot.layer.erofs.Erofs} documents the image. Changes files only through the disk
 * seam; knows no snapshots, drivers or mounts.
 */
@NullMarked
package io.gatun.snapshot.layer.erofs;

import org.jspecify.annotations.NullMarked;
