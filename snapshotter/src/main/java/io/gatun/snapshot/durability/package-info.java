/**
 * Decides when data is on disk.
 *
 * <p>A layer is synced before its apply or its commit is acknowledged, unless the configuration
 * says otherwise. Concurrent syncs of one filesystem share one syncfs(2). After a failed sync, no
 * data that was written before it is trusted, because the kernel reports a lost page only once.
 *
 * <p>{@link io.gatun.snapshot.durability.StorageErrors} maps errnos to failures of a request.
 *
 * <p>This package uses {@code root}, {@code filetree} and {@code mount}. It knows ids and paths,
 * but neither the metadata store nor the drivers.
 */
@NullMarked
package io.gatun.snapshot.durability;

import org.jspecify.annotations.NullMarked;
