package io.gatun.server.rpc;

import io.gatun.snapshot.SnapshotException;
import io.grpc.Status;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What becomes of a failure on the wire: the one place where domain errors turn into gRPC status.
 *
 * <p>containerd's own table (errgrpc) reads them back, so for instance {@code FAILED_PRECONDITION}
 * is the only status of a Remove that its garbage collection survives. grpc-java reports an
 * exception that a handler throws as UNKNOWN, whatever it is; that is why handlers catch everything
 * and ask here.
 */
final class GrpcStatuses {

  private static final Logger LOG = LoggerFactory.getLogger(GrpcStatuses.class);

  private GrpcStatuses() {}

  /**
   * {@return the status that tells of a failure}
   *
   * @param call what failed, for the log if the failure is a bug
   */
  static Status statusOf(String call, Throwable failure) {
    if (failure instanceof SnapshotException refusal) {
      return codeOf(refusal).toStatus().withDescription(refusal.getMessage());
    }
    if (failure instanceof OutOfMemoryError) {
      // The JVM ends when its heap is full; this is about threads, or memory beside the heap.
      LOG.warn("out of threads or memory method={} error=\"{}\"", call, failure.getMessage());
      return Status.RESOURCE_EXHAUSTED.withDescription(
          "no thread or memory to be had: " + failure.getMessage());
    }
    // A broken invariant: nobody else will see the stack.
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
