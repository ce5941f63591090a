package io.gatun.snapshot;

import org.jspecify.annotations.Nullable;

/**
 * A request that was refused or could not be carried out, by what containerd makes of it.
 *
 * <p>The set is closed: the server has one exhaustive table from these to gRPC status codes. The
 * message names the operation, the key, the path and the errno, as far as there are any. A broken
 * invariant of Gatun is no such exception; it fails as an unchecked error.
 */
public abstract sealed class SnapshotException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private SnapshotException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** The snapshot, or the parent it needs, is not there, or its directory is missing. */
  public static final class NotFound extends SnapshotException {
    private static final long serialVersionUID = 1L;

    public NotFound(String message) {
      super(message, null);
    }
  }

  /**
   * The key or name is taken, or the layer that a snapshot was to be made for is in a committed
   * one.
   *
   * <p>containerd reads this as "the layer is here", so it is thrown for what is recorded in the
   * metadata store alone, never for an {@code EEXIST} of the kernel.
   */
  public static final class AlreadyExists extends SnapshotException {
    private static final long serialVersionUID = 1L;

    public AlreadyExists(String message) {
      super(message, null);
    }
  }

  /** The request can never succeed as it stands. */
  public static final class InvalidArgument extends SnapshotException {
    private static final long serialVersionUID = 1L;

    public InvalidArgument(String message) {
      super(message, null);
    }
  }

  /**
   * The state of the snapshot forbids the request.
   *
   * <p>The only failure of Remove that containerd's garbage collection survives; the message then
   * holds the word "remove". It must not end in ": conflict" or ": not modified", which containerd
   * reads as other errors.
   */
  public static final class FailedPrecondition extends SnapshotException {
    private static final long serialVersionUID = 1L;

    public FailedPrecondition(String message) {
      super(message, null);
    }
  }

  /** The disk, the metadata store or a queue is full; the same request may succeed later. */
  public static final class ResourceExhausted extends SnapshotException {
    private static final long serialVersionUID = 1L;

    public ResourceExhausted(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * The daemon does not do this at present: it is stopping, or refuses writes after a failed sync.
   */
  public static final class Unavailable extends SnapshotException {
    private static final long serialVersionUID = 1L;

    public Unavailable(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** Gatun does not do this at all. */
  public static final class Unsupported extends SnapshotException {
    private static final long serialVersionUID = 1L;

    public Unsupported(String message) {
      super(message, null);
    }
  }

  /** The kernel refused an operation that should have worked. */
  public static final class StorageFailure extends SnapshotException {
    private static final long serialVersionUID = 1L;

    public StorageFailure(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }
}
