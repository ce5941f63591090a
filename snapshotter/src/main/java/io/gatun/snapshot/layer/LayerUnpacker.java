package io.gatun.snapshot.layer;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import java.util.List;
import java.util.concurrent.CancellationException;

/** Unpacks layers into active snapshots, for containerd's Diff service. */
public interface LayerUnpacker {

  /**
   * {@return the active snapshot with these mounts}
   *
   * @param mounts the result of Prepare or Mounts for the snapshot
   * @throws SnapshotException.Unsupported if the mounts do not belong to this root
   * @throws SnapshotException.FailedPrecondition if the snapshot is not active
   * @throws SnapshotException.NotFound if the snapshot does not exist
   */
  Target find(List<Mount> mounts);

  /** An active snapshot as the target of a layer. */
  interface Target {

    String key();

    /**
     * Unpacks a layer into the snapshot. When this returns, the layer is in the snapshot, as
     * durable as {@code layer_sync} requires; if it fails, the snapshot is unchanged.
     *
     * <p>Failure messages name the layer, and the entry, its position in the layer, the path and
     * the errno where they apply.
     *
     * @param syncRequested whether the layer must be durable, regardless of {@code layer_sync}
     * @param next the layer that may be prefetched meanwhile
     * @return the properties of the layer
     * @throws SnapshotException.Unsupported if the mounts are not exactly the snapshot's, the
     *     snapshot is not empty, or another differ may support the layer
     * @throws SnapshotException.FailedPrecondition if a layer is being unpacked into the snapshot,
     *     or it could never be committed
     * @throws SnapshotException.NotFound if the snapshot is no longer active
     * @throws SnapshotException.InvalidArgument if the layer is damaged or requests something that
     *     no layer may
     * @throws SnapshotException.Unavailable if the blob can no longer be read
     * @throws CancellationException if it was cancelled
     */
    AppliedLayer unpack(
        LayerBlob blob, boolean syncRequested, NextLayerHint next, Cancellation cancellation);
  }

  /**
   * Runs the code paths of {@link Target#unpack} that need no snapshot and no disk space, and
   * discards the result, to get them compiled before the first request.
   *
   * @throws SnapshotException like {@link Target#unpack} for the layer
   */
  void warmUp(LayerBlob blob);
}
