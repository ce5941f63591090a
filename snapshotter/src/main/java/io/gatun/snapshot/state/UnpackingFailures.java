package io.gatun.snapshot.state;

import io.gatun.linux.Errno;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.extract.TreeWriteException;
import io.gatun.snapshot.layer.read.ApplyFailedException;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import java.io.IOException;
import java.util.Set;
import java.util.concurrent.CancellationException;

/** Translates the failure of an unpack into the error of the request. */
public final class UnpackingFailures {

  /** The errors of a layer that contradicts itself, such as a link to a missing name. */
  private static final Set<Errno> CONTRADICTIONS = Set.of(Errno.ENOENT, Errno.ENOTDIR, Errno.ELOOP);

  private UnpackingFailures() {}

  /** {@return the error of a request to unpack a blob} */
  public static RuntimeException meaning(LayerBlob blob, IOException failure) {
    return meaning("apply", blob, failure);
  }

  /** {@return the error of another request that has to unpack a blob} */
  public static RuntimeException meaning(String request, LayerBlob blob, IOException failure) {
    String message = "%s: layer %s: %s".formatted(request, blob.digest(), failure.getMessage());
    return switch (reason(failure)) {
      case ApplyCancelledException e -> new CancellationException(message);
      case InvalidLayerException e ->
          new SnapshotException.InvalidArgument(request + ": " + e.getMessage());
      case UnsupportedLayerException e -> new SnapshotException.Unsupported(message);
      case TreeWriteException e when CONTRADICTIONS.contains(e.errno()) ->
          new SnapshotException.InvalidArgument(message);
      case TreeWriteException e -> storage(message, e.errno(), e);
      case LayerStoreException e -> storage(message, e.errno(), e);
      default -> new SnapshotException.Unavailable(message, failure);
    };
  }

  private static IOException reason(IOException failure) {
    return failure instanceof ApplyFailedException e ? e.reason() : failure;
  }

  /** {@return the error of a request that has to unpack a stored, indexed layer} */
  public static RuntimeException ofIndexed(String operation, String key, IOException failure) {
    String message = "%s %s: %s".formatted(operation, key, failure.getMessage());
    return switch (failure) {
      case ApplyCancelledException e -> new CancellationException(message);
      case TreeWriteException e -> storage(message, e.errno(), e);
      case LayerStoreException e -> storage(message, e.errno(), e);
      case InvalidLayerException e ->
          new SnapshotException.StorageFailure(
              message + ": the tar of the layer is damaged, see `gatun fsck --content`", e);
      default -> new SnapshotException.StorageFailure(message, failure);
    };
  }

  private static SnapshotException storage(String message, Errno errno, IOException cause) {
    return StorageErrors.isExhaustion(errno)
        ? new SnapshotException.ResourceExhausted(message, cause)
        : new SnapshotException.StorageFailure(message, cause);
  }
}
