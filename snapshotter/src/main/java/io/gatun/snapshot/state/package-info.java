/**
 * The current state of each snapshot: chains, locks on names, directories, trash, and the unpack
 * state of active snapshots. {@link io.gatun.snapshot.state.Snapshots} is the door: it opens the
 * package and stops its threads.
 *
 * <p>The package owns the directories below {@code snapshots/} and {@code trash/}, and the record
 * of a layer beside each. It promises that:
 *
 * <ul>
 *   <li>every directory has a record, is about to get one, or is deleted; {@link
 *       io.gatun.snapshot.state.Reaper} deletes in the background, and asks the store again before
 *       it deletes a directory;
 *   <li>the unpack state survives a crash: {@link io.gatun.snapshot.state.ActiveSnapshots} owns it
 *       in memory and in small files beside the snapshot;
 *   <li>requests that change the same record run one after the other, and never deadlock.
 * </ul>
 *
 * <p>It may use {@code root}, {@code concurrent}, the metadata store, {@code driver}, {@code
 * durability}, {@code filetree}, {@code layer}, the errors of {@code layerstore}, and {@code
 * mount}. It does not know how a layer is unpacked or mounted.
 */
@NullMarked
package io.gatun.snapshot.state;

import org.jspecify.annotations.NullMarked;
