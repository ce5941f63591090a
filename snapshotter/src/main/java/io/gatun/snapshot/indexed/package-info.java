/**
 * Indexed layers: which snapshot has one, when it is mounted, and how a later snapshot reuses it.
 *
 * <p>An indexed layer is an uncompressed tar under an EROFS tar index. It is mounted while a
 * snapshot needs it, and only then. A layer that cannot be read is reported missing; it is never
 * mounted empty. {@link io.gatun.snapshot.indexed.Layers} is the door: it opens the package and
 * stops its threads.
 *
 * <p>This package uses {@code state}, {@code layerstore}, {@code mount}, {@code driver} and {@code
 * durability}.
 */
@NullMarked
package io.gatun.snapshot.indexed;

import org.jspecify.annotations.NullMarked;
