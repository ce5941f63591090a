/**
 * Apply and Diff: unpacks a layer blob into an active snapshot, and packs a snapshot's changes into
 * a layer.
 *
 * <pre>
 *   Applier             finds the snapshot once; locks the name, checks, marks, unlocks; gets the
 *                       snapshot ready; rolls back, maps errors
 *     LayerPrefetch     waits for the layer if it is being read ahead; has the next one read
 *     LayerBackend      brings the layer to the disk
 *       DirectoryBackend      files in snapshots/ID/fs, or a prefetched tree in its place
 *       IndexedBackend        tar and index in the layer store
 *     LayerRebuild      lets other snapshots use a tar that was damaged or missing
 *     ApplyTarget       records the layer, which ends the mark; if it cannot be indexed, the
 *                       DirectoryBackend writes it from its tar
 * </pre>
 *
 * <p>This package owns the steps of an apply and of a diff, and the prefetched layers. It promises:
 *
 * <ul>
 *   <li>When an apply returns, the snapshot has the layer, as durable as {@code layer_sync} and the
 *       request ask. Files reach the disk before the record that names them.
 *   <li>When an apply fails, the snapshot is as it was before. If that is impossible, it counts as
 *       partly unpacked, and is neither committed nor read.
 *   <li>No name is locked while a layer is unpacked.
 *   <li>A prefetched layer that is not requested is removed.
 * </ul>
 *
 * <p>This package uses {@code indexed}, {@code state}, {@code layerstore}, the packages below
 * {@code layer}, {@code driver}, {@code durability} and {@code concurrent}. It does not know how
 * requests reach it, and calls nothing in {@code maintenance} or {@code engine}.
 */
@NullMarked
package io.gatun.snapshot.unpack;

import org.jspecify.annotations.NullMarked;
