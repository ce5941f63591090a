package io.gatun.snapshot.durability;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.root.Shortage;
import java.util.function.Supplier;

/** Translates failed system calls into failures of a request. */
public final class StorageErrors {

  private StorageErrors() {}

  /**
   * {@return the failure of a request}
   *
   * <p>A lack of space or descriptors is temporary and becomes RESOURCE_EXHAUSTED; all other
   * errors, EEXIST included, are storage failures.
   */
  public static SnapshotException of(String operation, String key, ErrnoException cause) {
    String message = "%s %s: %s".formatted(operation, key, cause.getMessage());
    return Shortage.isReason(cause)
        ? new SnapshotException.ResourceExhausted(message, cause)
        : new SnapshotException.StorageFailure(message, cause);
  }

  /**
   * Changes the store for a request, and adds the request's name to failures: a store batch has
   * several requests and knows none of them.
   */
  public static void change(String operation, String key, Runnable change) {
    name(
        operation,
        key,
        () -> {
          change.run();
          return true;
        });
  }

  /** Queries the store for a request, and adds the request's name to failures. */
  public static <T> T ask(String operation, String key, Supplier<T> question) {
    return name(operation, key, question::get);
  }

  /**
   * Work that does not know its request.
   *
   * @param <E> an exception other than {@link SnapshotException}
   */
  public interface Work<T, E extends Exception> {
    T run() throws E;
  }

  /** Runs work for a request, and adds the request's name to failures. */
  public static <T, E extends Exception> T name(String operation, String key, Work<T, E> work)
      throws E {
    try {
      return work.run();
    } catch (SnapshotException e) {
      throw named("%s %s: %s".formatted(operation, key, e.getMessage()), e);
    }
  }

  private static SnapshotException named(String message, SnapshotException failure) {
    return switch (failure) {
      case SnapshotException.ResourceExhausted _ ->
          new SnapshotException.ResourceExhausted(message, failure);
      case SnapshotException.StorageFailure _ ->
          new SnapshotException.StorageFailure(message, failure);
      case SnapshotException.Unavailable _ -> new SnapshotException.Unavailable(message, failure);
      // These already describe the request.
      case SnapshotException.NotFound _,
          SnapshotException.AlreadyExists _,
          SnapshotException.InvalidArgument _,
          SnapshotException.FailedPrecondition _,
          SnapshotException.Unsupported _ ->
          failure;
    };
  }

  /** {@return whether a resource is exhausted that may become available again} */
  public static boolean isExhaustion(Errno errno) {
    return Shortage.isReason(errno);
  }
}
