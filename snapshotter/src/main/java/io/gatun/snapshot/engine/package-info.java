/**
 * The engine: carries out each request by ordering the metadata store, the driver and the disk.
 *
 * <p>The package owns the order of steps in a request, the opening of a root with its recovery, and
 * the choice of the form of new layers. It promises that an acknowledged request is durable as far
 * as the configuration asks for, and that a request cut short by a crash leaves only garbage, which
 * recovery deletes. It may use all packages of the snapshotter, and none of them uses the engine.
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
