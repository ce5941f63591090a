package io.gatun.snapshot;

import org.jspecify.annotations.Nullable;

/**
 * A refused or failed request, classified by containerd's reaction.
 *
 * <p>The set is closed: the server has one exhaustive table from these to gRPC status codes. The
 * message names the operation, the key, the path and the errno where they apply. A broken invariant
 * of Gatun is reported as an unchecked error instead.
 */
@SuppressWarnings("serial") // never serialized
public abstract sealed class SnapshotException extends RuntimeException {

  private SnapshotException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** The snapshot, its directory or the required parent does not exist. */
  public static final class NotFound extends SnapshotException {
    public NotFound(String message) {
      super(message, null);
    }
  }

  /**
   * The key or name is taken, or a committed snapshot already has the requested layer.
   *
   * <p>containerd concludes that the layer exists, so this is thrown only for records in the
   * metadata store, never for an {@code EEXIST} of the kernel.
   */
  public static final class AlreadyExists extends SnapshotException {
    public AlreadyExists(String message) {
      super(message, null);
    }
  }

  /** The request can never succeed as it is. */
  public static final class InvalidArgument extends SnapshotException {
    public InvalidArgument(String message) {
      super(message, null);
    }
  }

  /**
   * The state of the snapshot forbids the request.
   *
   * <p>The only failure of Remove that containerd's garbage collection survives; the message then
   * contains the word "remove". It must not end in ": conflict" or ": not modified", which
   * containerd interprets as other errors.
   */
  public static final class FailedPrecondition extends SnapshotException {
    public FailedPrecondition(String message) {
      super(message, null);
    }
  }

  /** The disk, the metadata store or a queue is full; the same request may succeed later. */
  public static final class ResourceExhausted extends SnapshotException {
    public ResourceExhausted(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * The daemon temporarily refuses the request: it is stopping, or refuses writes after a failed
   * sync.
   */
  public static final class Unavailable extends SnapshotException {
    public Unavailable(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** Gatun does not support the request. */
  public static final class Unsupported extends SnapshotException {
    public Unsupported(String message) {
      super(message, null);
    }
  }

  /** The kernel refused an operation that should have worked. */
  public static final class StorageFailure extends SnapshotException {
    public StorageFailure(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }
}
