package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;

/**
 * Converts committed snapshots to the other form, one at a time, for the command {@code gatun
 * convert}. A layer below an active snapshot or a view is in use, and is not converted.
 */
public interface LayerConverter {

  /**
   * The state of a layer before its conversion.
   *
   * @param isIndexed whether it is indexed, and would become a directory
   * @param isEmpty whether it is a directory without files, which is not converted
   * @param users the names of the active snapshots and views on top of it
   * @param neededBytes approximate size of the other form, in addition to the current one
   * @param availableBytes on the filesystem of the root
   */
  record Estimate(
      boolean isIndexed,
      boolean isEmpty,
      List<String> users,
      long neededBytes,
      long availableBytes) {

    public Estimate {
      users = List.copyOf(users);
    }
  }

  /**
   * {@return an estimate for the conversion of a snapshot's layer}
   *
   * @param diffId of the layer, if known: an index of a stored layer takes little space
   * @throws SnapshotException.FailedPrecondition if the snapshot is not committed
   * @throws SnapshotException.NotFound if there is no such snapshot
   */
  Estimate estimate(String name, Optional<Digest> diffId);

  /**
   * Converts the layer of a snapshot to an indexed one; does nothing if it is one. The blob must
   * match the names of the snapshot and its parent, which are chain ids. If this fails, the layer
   * is unchanged.
   *
   * @throws SnapshotException.Unsupported if indexes cannot be used, or not for this layer
   * @throws SnapshotException.InvalidArgument if the blob is damaged or contains another layer
   * @throws SnapshotException.FailedPrecondition if the snapshot is not committed, is in use or has
   *     no files, or its layer is unknown
   * @throws SnapshotException.NotFound if the snapshot no longer exists
   * @throws SnapshotException.Unavailable if the blob can no longer be read
   * @throws CancellationException if it was cancelled
   */
  void index(String name, LayerBlob blob, Cancellation cancellation);

  /**
   * Converts the layer of a snapshot to a directory; does nothing if it is one. If this fails, the
   * layer is unchanged.
   *
   * @throws SnapshotException.FailedPrecondition if the snapshot is not committed or is in use
   * @throws SnapshotException.NotFound if the snapshot no longer exists
   * @throws CancellationException if it was cancelled
   */
  void layOut(String name, Cancellation cancellation);
}
