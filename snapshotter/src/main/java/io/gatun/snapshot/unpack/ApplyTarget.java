package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.state.ActiveSnapshots;
import java.util.List;

/**
 * An active snapshot that is marked while a layer is unpacked into it. The mark ends when the layer
 * is recorded, or with {@link #rollBack}.
 *
 * <p>Not safe for use by several threads.
 */
final class ApplyTarget {

  private final UnpackStates states;
  private final String key;
  private final Chain chain;
  private final boolean syncRequested;

  /** Whether {@link #rollBack} may find files in the snapshot's directory, or beside it. */
  private boolean isTouched;

  /** Whether the mark has ended. */
  private boolean isEnded;

  /**
   * @param syncRequested whether the layer has to be durable, whatever {@code layer_sync} says
   */
  ApplyTarget(UnpackStates states, String key, Chain chain, boolean syncRequested) {
    this.states = states;
    this.key = key;
    this.chain = chain;
    this.syncRequested = syncRequested;
  }

  String key() {
    return key;
  }

  long id() {
    return chain.id();
  }

  Chain chain() {
    return chain;
  }

  boolean syncRequested() {
    return syncRequested;
  }

  /** {@return where the files of the layer go} */
  LayerTarget files() {
    return states.files(chain);
  }

  /** {@return the times of the last changes to the snapshot's directories} */
  List<Timespec> changeTimes() throws ErrnoException {
    return states.changeTimes(chain);
  }

  /**
   * Checks that the snapshot can be committed if the layer has to be durable.
   *
   * @throws SnapshotException.FailedPrecondition if it cannot
   */
  void requireCommittable() {
    states.requireCommittable(this);
  }

  /**
   * Makes a quick change to the snapshot, unless its mounts were handed out meanwhile.
   *
   * @return whether it was changed
   */
  boolean ifNotExposed(ActiveSnapshots.Change change) throws ErrnoException {
    return states.ifNotExposed(
        id(),
        () -> {
          isTouched = true;
          change.run();
        });
  }

  /**
   * Records on the disk, before the first file is written, that the snapshot may have a part of a
   * layer.
   */
  void markUnpacking() throws ErrnoException {
    isTouched = true;
    states.markUnpacking(id());
  }

  /**
   * Records on the disk, before {@link #indexed}, that the snapshot has the layer in indexed form.
   */
  void recordIndexed(ActiveSnapshots.Layer layer) throws ErrnoException {
    isTouched = true;
    states.recordIndexed(id(), layer);
  }

  /** Records that the layer is in the snapshot's directory, and ends the mark. */
  void unpacked(ActiveSnapshots.Layer layer) throws ErrnoException {
    states.unpacked(id(), layer);
    isEnded = true;
  }

  /**
   * Sets in memory that the snapshot has the layer in indexed form, and ends the mark. Does nothing
   * if the mounts were handed out meanwhile, because the layer would not be visible through them.
   *
   * @return whether that was done
   */
  boolean indexed(ActiveSnapshots.Layer layer) {
    isEnded = states.indexed(id(), layer);
    return isEnded;
  }

  /** Undoes all changes to the snapshot, and ends the mark. Does nothing if the mark has ended. */
  void rollBack() {
    if (isEnded) {
      return;
    }
    isEnded = true;
    if (isTouched) {
      states.restore(this);
    } else {
      states.end(id());
    }
  }
}
