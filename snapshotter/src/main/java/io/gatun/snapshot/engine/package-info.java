/**
 * The engine: carries out each request by ordering the metadata store, the driver and the disk so
 * that what is acknowledged is durable and what is not leaves nothing behind.
 *
 * <p>It is the only place that knows both the store and the drivers. Names are claimed here, so
 * that two requests for one name take turns while all others run side by side.
 *
 * <p>A layer becomes a directory, or is kept as a tar under an index:
 *
 * <pre>
 *   Applier -+-> DirectoryBackend -> snapshots/ID/fs
 *                    +-> IndexedBackend -> LayerStore         IndexedLayers: who has which
 *                                                          LayerMounts: what is mounted for whom
 *                                                          Materializer: from a tar to a directory
 *                                                          IndexedSnapshots: what requests do about it
 *                                                          LayerReuse: what need not be unpacked
 *                                                          Reindexing: its index in a chain
 *                                                          BackgroundSync: what is synced afterwards
 *                                                          MountRestoration: what was mounted before
 *                                                          LayerRepair: what is damaged
 *                                                          LayerRebuild: what is made anew
 * </pre>
 */
@NullMarked
package io.gatun.snapshot.engine;

import org.jspecify.annotations.NullMarked;
