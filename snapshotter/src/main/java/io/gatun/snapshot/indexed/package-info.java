/**
 * Indexed layers: which snapshot has one, when it is mounted, and how a later snapshot reuses it.
 * An indexed layer is an uncompressed tar under an EROFS tar index.
 *
 * <p>This package owns the references from snapshots to layers, the mounts of layers, and their
 * indexes for each parent. {@link io.gatun.snapshot.indexed.Layers} is the door: it opens the
 * package and stops its threads. It promises:
 *
 * <ul>
 *   <li>A layer is mounted while a snapshot needs it, and unmounted some seconds later.
 *   <li>A file that a record may name after a crash is not deleted.
 *   <li>A layer that cannot be read is reported missing; it is never mounted empty.
 *   <li>A namespace reuses only layers that one of its snapshots has.
 * </ul>
 *
 * <p>This package uses {@code state}, {@code layerstore}, {@code mount}, {@code driver}, {@code
 * durability}, {@code concurrent} and everything below them. It calls nothing in {@code unpack},
 * {@code maintenance} or {@code engine}.
 */
@NullMarked
package io.gatun.snapshot.indexed;

import org.jspecify.annotations.NullMarked;
