/**
 * The engine: carries out each request by ordering the metadata store, the driver and the disk so
 * that what is acknowledged is durable and what is not leaves nothing behind.
 *
 * <p>{@link io.gatun.snapshot.engine.EngineRoot} opens the packages below from the ground up; each
 * owns its objects and hands out one door:
 *
 * <pre>
 *   Root, MetadataStore      files on disk, and the records of snapshots
 *   Durability               when files are on disk
 *   Drivers, LayerForms      which driver and which form of layers work on this root
 *   Snapshots                name locks, directories, trash, unpack states
 *   Layers                   indexed layers: references, mounts, reuse
 *   Applier, SnapshotDiffer  from a blob to a snapshot, and back
 *   LayerRepair, BackgroundSync, LayerConversion
 *   Engine                   the requests
 * </pre>
 */
@NullMarked
package io.gatun.snapshot.engine;

import org.jspecify.annotations.NullMarked;
