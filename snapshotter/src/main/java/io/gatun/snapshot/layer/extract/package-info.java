/**
 * Extracts the entries of a layer, as validated by {@code layer.tar}, into the directory of a
 * snapshot.
 *
 * <p>{@link TreeWriter} extracts one layer with the semantics of containerd's package archive and
 * lists the differences. The caller disposes of partial results. Nothing outside the snapshot's
 * directory is changed, whatever links it contains and whatever other processes do to it: the
 * kernel opens every directory only if no symbolic link is on the path, and every other call uses a
 * name in such a directory, which is never followed.
 *
 * <p>Reads through the native bindings and changes through the disk seam. Uses {@code filetree} to
 * delete and count trees; knows no metadata store and no engine.
 */
@NullMarked
package io.gatun.snapshot.layer.extract;

import org.jspecify.annotations.NullMarked;
