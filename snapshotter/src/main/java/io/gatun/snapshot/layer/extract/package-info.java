/**
 * Turns the entries of a layer, which {@code apply.layer} has judged, into files in the directory
 * of a snapshot.
 *
 * <p>{@link TreeWriter} does that for one layer. What a layer says means what containerd's package
 * archive makes of it; {@link TreeWriter} lists where we differ. What a failure leaves is for the
 * caller to dispose of. Nothing outside the snapshot's directory is changed, whatever links there
 * are in it and whoever else is at work in it: every directory is opened by the kernel under the
 * condition that no symbolic link is on the way, and everything else is done to a name in such a
 * directory, which is never followed.
 *
 * <p>Reads through the native bindings and changes through the disk seam. Uses the drivers' ways of
 * deleting and counting trees; knows neither the metadata store nor the engine.
 */
@NullMarked
package io.gatun.snapshot.layer.extract;

import org.jspecify.annotations.NullMarked;
