/**
 * Apply and Diff: unpacks a layer blob into an active snapshot, and packs a snapshot's changes into
 * a layer.
 *
 * <p>An apply either completes or leaves the snapshot as it was. While one layer is unpacked, the
 * next one may be read ahead; such work is discarded when containerd does not ask for it.
 *
 * <p>This package uses {@code indexed}, {@code state}, {@code layerstore}, the packages below
 * {@code layer}, {@code driver} and {@code durability}.
 */
@NullMarked
package io.gatun.snapshot.unpack;

import org.jspecify.annotations.NullMarked;
