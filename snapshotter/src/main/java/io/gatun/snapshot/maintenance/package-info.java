/**
 * Work on stored layers that no request waits for: repair, background sync and conversion.
 *
 * <p>Repair replaces a damaged tar by one that has the same digest. Conversion changes the form of
 * a layer, and a crash in the middle leaves one complete form.
 *
 * <p>This package uses {@code indexed}, {@code state}, {@code layerstore} and everything below
 * them.
 */
@NullMarked
package io.gatun.snapshot.maintenance;

import org.jspecify.annotations.NullMarked;
