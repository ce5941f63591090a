/**
 * Maintenance of stored layers: repair, background sync and conversion.
 *
 * <p>This package owns the work on layers that is not part of a snapshot request:
 *
 * <ul>
 *   <li>{@link io.gatun.snapshot.maintenance.LayerRepair} replaces a damaged tar by one with the
 *       same digest, and rebuilds damaged indexes.
 *   <li>{@link io.gatun.snapshot.maintenance.BackgroundSync} syncs layers after their commit, and
 *       has those repaired that a failed sync damaged.
 *   <li>{@link io.gatun.snapshot.maintenance.LayerConversion} changes the form of a layer.
 * </ul>
 *
 * <p>It promises that no file is changed in place: containers that run on a repaired layer keep its
 * old files. A layer in use keeps its form. A crash during a conversion leaves one complete form. A
 * layer that cannot be repaired is reported missing, never mounted with damaged content.
 *
 * <p>It uses {@code unpack}, {@code indexed}, {@code state}, {@code layerstore} and everything
 * below them. Nothing in {@code unpack} or {@code indexed} calls it.
 */
@NullMarked
package io.gatun.snapshot.maintenance;

import org.jspecify.annotations.NullMarked;
