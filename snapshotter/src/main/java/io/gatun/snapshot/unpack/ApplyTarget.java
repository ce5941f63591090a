package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.state.ActiveSnapshots;
import java.util.List;

/**
 * An active snapshot that is marked, because a layer is being unpacked into it. The mark ends with
 * the record of the layer, or with {@link #rollBack}.
 *
 * <p>Used by one thread.
 */
final class ApplyTarget {

  private final UnpackStates states;
  private final String key;
  private final Chain chain;
  private final boolean syncRequested;

  /** Whether there may be something in the snapshot's directory, or beside it, to take back. */
  private boolean isTouched;

  /** Whether the mark is gone. */
  private boolean isEnded;

  /**
   * @param syncRequested whether the layer has to be durable, whatever {@code layer_sync} asks
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

  /** {@return when something of the snapshot changed last} */
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
   * Changes the snapshot in a way that takes no time, unless its mounts were handed out meanwhile.
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

  /** Records on the disk, before the first file, that a part of a layer may be in the snapshot. */
  void markUnpacking() throws ErrnoException {
    isTouched = true;
    states.markUnpacking(id());
  }

  /**
   * Records on the disk that the layer is the snapshot's in indexed form, before {@link #indexed}.
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
   * Says that the layer is the snapshot's in indexed form, and ends the mark; unless the mounts
   * were handed out meanwhile, through which nothing of it shows.
   *
   * @return whether that was done
   */
  boolean indexed(ActiveSnapshots.Layer layer) {
    isEnded = states.indexed(id(), layer);
    return isEnded;
  }

  /**
   * Takes back what was done to the snapshot, and ends the mark. Does nothing if that has ended.
   */
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
