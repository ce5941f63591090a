package io.gatun.snapshot.layer;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import java.util.List;
import java.util.concurrent.CancellationException;

/** Makes layers of what snapshots change, as containerd's Diff service asks for it. */
public interface LayerBuilder {

  /**
   * {@return the name of the snapshot that these mounts show: an active one, or the committed one
   * that is seen through a view}
   *
   * @throws SnapshotException.Unsupported if they are no mounts of this root
   * @throws SnapshotException.NotFound if there is no such snapshot any more
   */
  String name(List<Mount> mounts);

  /**
   * Makes a layer of what a snapshot changes of its parent, or an empty one if both are the same.
   * When this returns, the sink has had the whole blob, and the snapshot was there all the time.
   *
   * <p>The messages of failures name the snapshot, and as far as there are any the path and the
   * errno.
   *
   * @param left what View or Mounts answered for the parent; for a snapshot without a parent, what
   *     View without a parent answered
   * @param right what View or Mounts answered for the snapshot
   * @param sink its failures are thrown as they are, if they are no {@link java.io.IOException}
   * @throws SnapshotException.Unsupported if these are no mounts of this root, or of two snapshots
   *     of which one is the parent of the other, or the driver or the snapshot is of a kind of
   *     which the changes show through its mounts alone
   * @throws SnapshotException.NotFound if one of the snapshots is not there any more
   * @throws SnapshotException.FailedPrecondition if a layer is being unpacked into the snapshot, or
   *     there is a file in it that no layer can hold, or that somebody changes meanwhile
   * @throws SnapshotException.Unavailable if the sink fails with an {@link java.io.IOException}
   * @throws CancellationException if it was cancelled
   */
  PackedLayer make(
      List<Mount> left,
      List<Mount> right,
      LayerFormat format,
      BlobSink sink,
      Cancellation cancellation);
}
