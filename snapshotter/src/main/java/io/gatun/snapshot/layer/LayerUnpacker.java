package io.gatun.snapshot.layer;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import java.util.List;
import java.util.concurrent.CancellationException;

/** Unpacks layers into active snapshots, as containerd's Diff service asks for it. */
public interface LayerUnpacker {

  /**
   * {@return the active snapshot that has these mounts}
   *
   * @param mounts what Prepare or Mounts answered for the snapshot
   * @throws SnapshotException.Unsupported if these are no mounts of this root
   * @throws SnapshotException.FailedPrecondition if the snapshot is no active one
   * @throws SnapshotException.NotFound if there is no such snapshot any more
   */
  Target find(List<Mount> mounts);

  /** A snapshot that a layer is to be unpacked into. */
  interface Target {

    /** {@return its key} */
    String key();

    /**
     * Unpacks a layer into the snapshot. When this returns, the layer is in it, and as durable as
     * {@code layer_sync} asks; if it fails, the snapshot is as it was before.
     *
     * <p>The messages of failures name the layer, and as far as there are any the entry, where it
     * is in the layer, the path and the errno.
     *
     * @param syncRequested whether the layer has to be durable, whatever {@code layer_sync} asks
     * @param next which layer may be worth to begin with meanwhile
     * @return what is known of the layer now
     * @throws SnapshotException.Unsupported if the mounts are not the snapshot's in every word, or
     *     there is something in the snapshot already, or the layer is of a kind that another differ
     *     may know
     * @throws SnapshotException.FailedPrecondition if a layer is being unpacked into the snapshot,
     *     or it could never be committed
     * @throws SnapshotException.NotFound if the snapshot is no active one any more
     * @throws SnapshotException.InvalidArgument if the layer is damaged, or asks for what no layer
     *     may ask for
     * @throws SnapshotException.Unavailable if the blob cannot be read any more
     * @throws CancellationException if it was cancelled
     */
    AppliedLayer unpack(
        LayerBlob blob, boolean syncRequested, NextLayerHint next, Cancellation cancellation);
  }

  /** Finds a snapshot, and unpacks a layer into it. */
  default AppliedLayer unpack(
      LayerBlob blob,
      List<Mount> mounts,
      boolean syncRequested,
      NextLayerHint next,
      Cancellation cancellation) {
    return find(mounts).unpack(blob, syncRequested, next, cancellation);
  }

  /**
   * Reads a layer as {@link #unpack} does, as far as that takes no snapshot and no room on the
   * disk, and makes nothing of it: for what has to be done often before it is quick.
   *
   * @throws SnapshotException as {@link #unpack} does for the layer
   */
  void warmUp(LayerBlob blob);

  /** As before, of a layer after which nobody knows which is next. */
  default AppliedLayer unpack(
      LayerBlob blob, List<Mount> mounts, boolean syncRequested, Cancellation cancellation) {
    return unpack(blob, mounts, syncRequested, NextLayerHint.UNKNOWN, cancellation);
  }
}
