/**
 * What is true of each snapshot at the moment: chains, locks on names, directories, trash, and the
 * unpack state of active snapshots.
 *
 * <p>A directory belongs to a record or lies in the trash; {@link io.gatun.snapshot.state.Reaper}
 * deletes trash in the background and asks the store again before it deletes anything. The unpack
 * state lies in memory and in small files beside the snapshot, so that it survives a crash; {@link
 * io.gatun.snapshot.state.ActiveSnapshots} owns both. {@link io.gatun.snapshot.state.Snapshots} is
 * the door: it opens the package and stops its threads.
 *
 * <p>This package uses the metadata store, {@code driver}, {@code durability}, {@code filetree},
 * {@code layer} and {@code mount}. It knows nothing of how a layer is unpacked or mounted.
 */
@NullMarked
package io.gatun.snapshot.state;

import org.jspecify.annotations.NullMarked;
