/**
 * Mounts of tar indexes and id-mapped mounts, and the mount namespaces that see them.
 *
 * <p>A mount is checked against the kernel's mount table before it is trusted. The package also
 * probes, once for each root, which of these mounts the host can make.
 *
 * <p>This package uses {@code root} and {@code filetree}. It knows directories and devices, but no
 * records of snapshots.
 */
@NullMarked
package io.gatun.snapshot.mount;

import org.jspecify.annotations.NullMarked;
