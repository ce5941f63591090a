/**
 * Walks, copies, deletes, measures and syncs trees of files.
 *
 * <p>The trees may be hostile: access is always through directory descriptors, never through a path
 * that another process could replace, and never follows a symbolic link. A tree of any depth is
 * walked with a bounded number of descriptors.
 *
 * <p>This package uses {@code root} and the bindings. It knows no snapshots and no layers.
 */
@NullMarked
package io.gatun.snapshot.filetree;

import org.jspecify.annotations.NullMarked;
