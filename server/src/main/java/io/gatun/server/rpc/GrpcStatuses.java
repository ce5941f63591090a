package io.gatun.server.rpc;

import io.gatun.snapshot.SnapshotException;
import io.grpc.Status;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Maps domain errors to gRPC statuses; the only place that does.
 *
 * <p>containerd's errgrpc maps them back; for instance, its garbage collection survives a failed
 * Remove only if the status is {@code FAILED_PRECONDITION}. grpc-java reports any exception of a
 * handler as UNKNOWN, so handlers catch everything and map it here.
 */
final class GrpcStatuses {

  private static final Logger LOG = LoggerFactory.getLogger(GrpcStatuses.class);

  private GrpcStatuses() {}

  /**
   * {@return the status of a failure}
   *
   * @param call the failed call, for the log if the failure is a bug
   */
  static Status statusOf(String call, Throwable failure) {
    if (failure instanceof SnapshotException refusal) {
      return codeOf(refusal).toStatus().withDescription(refusal.getMessage());
    }
    if (failure instanceof OutOfMemoryError) {
      // A full heap ends the JVM, so this is a lack of threads or of memory outside the heap.
      LOG.warn("out of threads or memory method={} error=\"{}\"", call, failure.getMessage());
      return Status.RESOURCE_EXHAUSTED.withDescription(
          "out of threads or memory: " + failure.getMessage());
    }
    // A broken invariant: the stack trace appears nowhere else.
    LOG.error("bug method={}", call, failure);
    return Status.INTERNAL.withDescription("bug in gatun, see its log: " + failure);
  }

  private static Status.Code codeOf(SnapshotException refusal) {
    return switch (refusal) {
      case SnapshotException.NotFound e -> Status.Code.NOT_FOUND;
      case SnapshotException.AlreadyExists e -> Status.Code.ALREADY_EXISTS;
      case SnapshotException.InvalidArgument e -> Status.Code.INVALID_ARGUMENT;
      case SnapshotException.FailedPrecondition e -> Status.Code.FAILED_PRECONDITION;
      case SnapshotException.ResourceExhausted e -> Status.Code.RESOURCE_EXHAUSTED;
      case SnapshotException.Unavailable e -> Status.Code.UNAVAILABLE;
      case SnapshotException.Unsupported e -> Status.Code.UNIMPLEMENTED;
      case SnapshotException.StorageFailure e -> Status.Code.INTERNAL;
    };
  }
}
