package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import java.util.Optional;
import java.util.concurrent.CancellationException;

/**
 * Gives committed snapshots another form while containers run on them, one after the other, as the
 * command {@code gatun convert} asks for it. Who uses a snapshot sees the same files all the while.
 */
public interface LayerConverter {

  /**
   * What is known of a layer before it is converted.
   *
   * @param isIndexed whether it is an index, and would become a directory
   * @param isEmpty whether it is a directory without any files, and stays one
   * @param neededBytes about what the other form takes, beside the one that is there
   * @param availableBytes on the filesystem of the root
   */
  record Estimate(boolean isIndexed, boolean isEmpty, long neededBytes, long availableBytes) {}

  /**
   * {@return what it would take to convert the layer of a snapshot}
   *
   * @param diffId which layer it is, if that is known: an index of one that is there takes little
   * @throws SnapshotException.FailedPrecondition if the snapshot is not committed
   * @throws SnapshotException.NotFound if there is no such snapshot
   */
  Estimate estimate(String name, Optional<Digest> diffId);

  /**
   * Has the layer of a snapshot become an index; nothing if it is one. The blob has to be the layer
   * by the names of the snapshot and its parent, which are chain ids. If this fails, the layer is
   * as it was.
   *
   * @throws SnapshotException.Unsupported if indexes cannot be used, or not for this layer
   * @throws SnapshotException.InvalidArgument if the blob is another layer, or damaged
   * @throws SnapshotException.FailedPrecondition if the snapshot is not committed, if nothing says
   *     which layer it has, or if that has no files
   * @throws SnapshotException.NotFound if there is no such snapshot any more
   * @throws SnapshotException.Unavailable if the blob cannot be read any more
   * @throws CancellationException if it was cancelled
   */
  void index(String name, LayerBlob blob, Cancellation cancellation);

  /**
   * Has the layer of a snapshot become a directory; nothing if it is one. If this fails, the layer
   * is as it was.
   *
   * @throws SnapshotException.FailedPrecondition if the snapshot is not committed
   * @throws SnapshotException.NotFound if there is no such snapshot any more
   * @throws CancellationException if it was cancelled
   */
  void layOut(String name, Cancellation cancellation);
}
