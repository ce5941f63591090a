/**
 * Drivers, which turn chains of snapshots into directories and mounts.
 *
 * <p>Reads through the native bindings and changes through the disk seam. Knows no metadata store
 * and no engine: a {@link Chain} has all that a driver needs to know about a snapshot. {@link
 * IndexMounts} mounts indexed layers; mounting does not change the disk, so it calls the kernel
 * directly.
 */
@NullMarked
package io.gatun.snapshot.driver;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.mount.IndexMounts;
import org.jspecify.annotations.NullMarked;
