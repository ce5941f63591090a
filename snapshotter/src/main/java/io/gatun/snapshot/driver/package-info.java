/**
 * Drivers: what turns a chain of snapshots into directories and mounts.
 *
 * <p>Reads through the native bindings and changes through the disk seam. Knows neither the
 * metadata store nor the engine; everything a driver has to know of a snapshot comes in a {@link
 * Chain}.
 */
@NullMarked
package io.gatun.snapshot.driver;

import org.jspecify.annotations.NullMarked;
