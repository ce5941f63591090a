package io.gatun.snapshot.state;

import io.gatun.linux.file.Timespec;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * The state of the content of an active snapshot, as this daemon knows it. {@link ActiveSnapshots}
 * makes all transitions:
 *
 * <pre>
 *             begin                  unpacked, indexed
 *   Unknown ---------> Unpacking ------------------------> Unpacked
 *      ^    <---------     |  ^                               |
 *      |       end         |  | begin                         | markExposed
 *      |                   |  |                               |
 *      |  markPartial, end +--+--> Partial                    |
 *      +------------------------------------------------------+
 * </pre>
 *
 * <p>{@code created} leads from any state but {@code Unpacking} to {@code Unknown}: the snapshot
 * has a new directory.
 */
sealed interface UnpackState {

  /** {@return when this daemon created the directory; empty if an earlier daemon did} */
  Optional<Timespec> createdAt();

  /**
   * {@return the state after the mounts were handed out, so that clients may change the content}
   */
  default UnpackState exposed() {
    return this;
  }

  /** {@return the state in which the directory may hold a part of a layer} */
  default UnpackState partial() {
    return new Partial(createdAt());
  }

  /** {@return the state after a new directory was created at this time} */
  default UnpackState created(Timespec at) {
    return new Unknown(Optional.of(at));
  }

  /** Empty, or changed by clients: only the driver can tell. */
  record Unknown(Optional<Timespec> createdAt) implements UnpackState {}

  /**
   * A layer is being unpacked.
   *
   * @param isPartial whether the directory may hold a part of an earlier layer
   * @param isExposed whether mounts were handed out since, so that clients may write
   * @param preparation completes when the files of an earlier layer are in place
   */
  record Unpacking(
      Optional<Timespec> createdAt,
      boolean isPartial,
      boolean isExposed,
      CompletableFuture<Void> preparation)
      implements UnpackState {

    @Override
    public UnpackState exposed() {
      return new Unpacking(createdAt, isPartial, true, preparation);
    }

    @Override
    public UnpackState partial() {
      return new Unpacking(createdAt, true, isExposed, preparation);
    }

    @Override
    public UnpackState created(Timespec at) {
      return new Unpacking(Optional.of(at), false, isExposed, preparation);
    }

    boolean isPreparing() {
      return !preparation.isDone();
    }

    /** {@return the state after the unpack was given up} */
    UnpackState ended() {
      return isPartial ? new Partial(createdAt) : new Unknown(createdAt);
    }
  }

  /** A complete layer was unpacked, and no client can have changed it. */
  record Unpacked(Optional<Timespec> createdAt, ActiveSnapshots.Layer layer)
      implements UnpackState {

    @Override
    public UnpackState exposed() {
      return new Unknown(createdAt);
    }
  }

  /** The directory may hold a part of a layer. */
  record Partial(Optional<Timespec> createdAt) implements UnpackState {}
}
