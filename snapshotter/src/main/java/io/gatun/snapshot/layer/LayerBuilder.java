package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;

/** Creates layers from the changes of snapshots, for containerd's Diff service. */
public interface LayerBuilder {

  /**
   * The properties of a complete new layer.
   *
   * @param diffId digest of the tar
   * @param blob digest of the blob, the same as the diff id without compression
   * @param blobBytes length of the blob
   * @param entries number of entries in the tar
   * @param xattrsLeftOut number of user attributes that a tar cannot express
   */
  record PackedLayer(
      Digest diffId, Digest blob, long blobBytes, long entries, long xattrsLeftOut) {}

  /**
   * The requested form of a new layer.
   *
   * @param compression of the tar
   * @param latest replaces later times, and is the time of entries without their own; 1970 if empty
   */
  record LayerFormat(Compression compression, Optional<Instant> latest) {}

  /**
   * {@return the name of the snapshot with these mounts: an active one, or the committed one below
   * a view}
   *
   * @throws SnapshotException.Unsupported if the mounts do not belong to this root
   * @throws SnapshotException.NotFound if the snapshot no longer exists
   */
  String name(List<Mount> mounts);

  /**
   * Creates a layer from the changes between a parent and a snapshot; an empty one if both are the
   * same. When this returns, the sink has the whole blob, and the snapshot existed all the time.
   *
   * <p>Failure messages name the snapshot, and the path and the errno where they apply.
   *
   * @param left the result of View or Mounts for the parent; for a snapshot without a parent, that
   *     of View without a parent
   * @param right the result of View or Mounts for the snapshot
   * @param sink whose failures are rethrown, unless they are an {@link java.io.IOException}
   * @throws SnapshotException.Unsupported if the mounts do not belong to this root, or not to a
   *     snapshot and its parent, or if the changes are only visible through the mounts with this
   *     driver or snapshot
   * @throws SnapshotException.NotFound if one of the snapshots no longer exists
   * @throws SnapshotException.FailedPrecondition if a layer is being unpacked into the snapshot, or
   *     if it has a file that a layer cannot contain or that changes meanwhile
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
