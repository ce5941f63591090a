/**
 * The EROFS image of an index: a tree without file content, which refers to offsets in the
 * uncompressed tar. The kernel mounts it with the tar as its second device, so no file has to be
 * extracted.
 *
 * <pre>
 *   IndexTree (off-heap, spilled to a file beyond a limit) -> Placement -> IndexImage -> file
 * </pre>
 *
 * <p>{@link Erofs} documents the format. Changes files only through the disk seam; knows no layers,
 * snapshots, drivers or mounts.
 */
@NullMarked
package io.gatun.snapshot.layer.erofs;

import org.jspecify.annotations.NullMarked;
