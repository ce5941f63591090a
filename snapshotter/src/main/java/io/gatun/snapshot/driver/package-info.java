/**
 * Drivers: what turns a chain of snapshots into directories and mounts.
 *
 * <p>Reads through the native bindings and changes through the disk seam. Knows neither the
 * metadata store nor the engine; everything a driver has to know of a snapshot comes in a {@link
 * Chain}. Indexed layers are shown by {@link IndexMounts}; a mount is no effect on the disk, and is
 * asked of the kernel straight away.
 */
@NullMarked
package io.gatun.snapshot.driver;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.mount.IndexMounts;
import org.jspecify.annotations.NullMarked;
