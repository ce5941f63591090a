package io.gatun.snapshot.durability;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.root.Shortage;
import java.util.function.Supplier;

/** What a failed call of the kernel means for a request. */
public final class StorageErrors {

  private StorageErrors() {}

  /**
   * {@return the failure of a request}
   *
   * <p>Space and descriptors come back, so their lack is RESOURCE_EXHAUSTED; everything else,
   * EEXIST included, is a failure of the storage.
   */
  public static SnapshotException of(String operation, String key, ErrnoException cause) {
    String message = "%s %s: %s".formatted(operation, key, cause.getMessage());
    return Shortage.isReason(cause)
        ? new SnapshotException.ResourceExhausted(message, cause)
        : new SnapshotException.StorageFailure(message, cause);
  }

  /**
   * Has the store change something, for a request.
   *
   * <p>The store fails several requests at a time and knows none of them, so its failures are named
   * here.
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

  /** {@return what the store answers, for a request} */
  public static <T> T ask(String operation, String key, Supplier<T> question) {
    return name(operation, key, question::get);
  }

  /**
   * What is done for a request without knowing which.
   *
   * @param <E> how it may fail, other than with a {@link SnapshotException}
   */
  public interface Work<T, E extends Exception> {
    T run() throws E;
  }

  /** {@return what comes of work for a request, which is named in its failures} */
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
      // These are about what the request asks for, and say so.
      case SnapshotException.NotFound _,
          SnapshotException.AlreadyExists _,
          SnapshotException.InvalidArgument _,
          SnapshotException.FailedPrecondition _,
          SnapshotException.Unsupported _ ->
          failure;
    };
  }

  /** {@return whether something was lacking that comes back} */
  public static boolean isExhaustion(Errno errno) {
    return Shortage.isReason(errno);
  }
}
