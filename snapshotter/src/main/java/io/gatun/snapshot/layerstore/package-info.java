/**
 * Indexed layers: the uncompressed tar of each layer, stored once, with its indexes.
 *
 * <pre>
 *   LayerBlob -> LayerPipeline -+-> (TarSink) TarFile -> layers/N.new/tar   -+
 *                               +-> IndexSink         -> layers/N.new/index -+-> layers/DIFF-ID/
 *                                   (layer.index)
 * </pre>
 *
 * <p>{@link io.gatun.snapshot.layerstore.LayerStore} owns the directory and draws it; {@link
 * io.gatun.snapshot.layerstore.IndexedWriter} fills it. Changes files only through the disk seam;
 * knows the root, but not snapshots, drivers or mounts.
 */
@NullMarked
package io.gatun.snapshot.layerstore;

import org.jspecify.annotations.NullMarked;
