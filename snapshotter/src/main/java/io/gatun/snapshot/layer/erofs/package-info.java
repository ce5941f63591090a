/**
 * Indexes of layers: the tree of a layer as an EROFS image that holds no content, but says where in
 * the uncompressed tar that is. The kernel mounts it with the tar as its second device, so that a
 * layer is there without a file having been created.
 *
 * <pre>
 *   LayerReader -> LayerIndexer -> IndexTree (off the heap, and beyond a limit in a file)
 *                                      -> Placement -> IndexImage -> the file
 *   the file -> ImageTemplate -> the file that the same layer has on top of others
 *            -> RecordedAttributes -> LayerIndexer, whether it is the one that the tar gives
 * </pre>
 *
 * <p>{@link io.gatun.snapshot.layer.erofs.LayerIndexer} is where it begins, {@link
 * io.gatun.snapshot.layer.erofs.Erofs} says what the image looks like. Changes files through the
 * disk seam only; knows neither snapshots nor drivers nor mounts.
 */
@NullMarked
package io.gatun.snapshot.layer.erofs;

import org.jspecify.annotations.NullMarked;
