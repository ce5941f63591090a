package io.gatun.server.content;

import io.gatun.snapshot.SnapshotException;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/** Maps failures of calls to containerd to failures of the request that needed them. */
final class ContainerdErrors {

  /** Go's texts for ENOSPC and EDQUOT, for which containerd has no status. */
  private static final String NO_SPACE = "no space left on device";

  private static final String NO_QUOTA = "disk quota exceeded";

  private ContainerdErrors() {}

  /**
   * {@return the failure of a request}
   *
   * @param what the operation and the object that containerd was asked for
   */
  static SnapshotException of(String what, StatusRuntimeException failure) {
    Status status = failure.getStatus();
    String description = String.valueOf(status.getDescription());
    String message = "%s: %s: %s".formatted(what, status.getCode(), description);
    if (description.contains(NO_SPACE) || description.contains(NO_QUOTA)) {
      return new SnapshotException.ResourceExhausted(message, failure);
    }
    return switch (status.getCode()) {
      case RESOURCE_EXHAUSTED -> new SnapshotException.ResourceExhausted(message, failure);
      case INVALID_ARGUMENT -> new SnapshotException.InvalidArgument(message);
      case FAILED_PRECONDITION -> new SnapshotException.FailedPrecondition(message);
      default -> new SnapshotException.Unavailable(message, failure);
    };
  }
}
