/**
 * Layers that are kept as they are: the uncompressed tar of each, once, with its indexes.
 *
 * <pre>
 *   LayerBlob -> LayerPipeline -+-> (TarSink) TarFile      -> layers/N.new/tar   -+
 *                              +-> IndexSink            -> layers/N.new/index -+-> layers/DIFF-ID/
 *                                  (apply.index)
 * </pre>
 *
 * <p>{@link io.gatun.snapshot.layerstore.LayerStore} owns the directory and draws it; {@link
 * io.gatun.snapshot.layerstore.IndexedApply} fills it. Changes files through the disk seam only;
 * knows the root, but neither snapshots nor drivers nor mounts.
 */
@NullMarked
package io.gatun.snapshot.layerstore;

import org.jspecify.annotations.NullMarked;
