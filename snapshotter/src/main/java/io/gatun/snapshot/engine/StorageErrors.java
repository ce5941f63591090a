package io.gatun.snapshot.engine;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotException;

/** What a failed call of the kernel means for a request. */
final class StorageErrors {

  private StorageErrors() {}

  /**
   * {@return the failure of a request}
   *
   * <p>Space and descriptors come back, so their lack is RESOURCE_EXHAUSTED; everything else,
   * EEXIST included, is a failure of the storage.
   */
  static SnapshotException of(String operation, String key, ErrnoException cause) {
    String message = "%s %s: %s".formatted(operation, key, cause.getMessage());
    return isExhaustion(cause.errno())
        ? new SnapshotException.ResourceExhausted(message, cause)
        : new SnapshotException.StorageFailure(message, cause);
  }

  /** {@return whether something was lacking that comes back} */
  static boolean isExhaustion(Errno errno) {
    return switch (errno) {
      case ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM -> true;
      default -> false;
    };
  }
}
