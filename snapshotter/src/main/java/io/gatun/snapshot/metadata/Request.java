package io.gatun.snapshot.metadata;

import io.gatun.snapshot.SnapshotException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Changes that are made atomically, and the caller waiting for them. */
final class Request {

  private final List<EncodedChange> changes;
  private final int bytes;
  private final boolean isRemoval;
  private final CompletableFuture<@Nullable Void> outcome = new CompletableFuture<>();

  /**
   * @param changes empty to reserve more ids if none are left
   */
  Request(List<EncodedChange> changes) {
    this.changes = List.copyOf(changes);
    this.bytes = changes.stream().mapToInt(EncodedChange::bytes).sum();
    this.isRemoval =
        !changes.isEmpty() && changes.stream().allMatch(EncodedChange.Remove.class::isInstance);
  }

  List<EncodedChange> changes() {
    return changes;
  }

  /** {@return the size of the changes in the body of a frame} */
  int bytes() {
    return bytes;
  }

  /** {@return whether it only removes; removals always have room} */
  boolean isRemoval() {
    return isRemoval;
  }

  void succeed() {
    outcome.complete(null);
  }

  void fail(RuntimeException failure) {
    outcome.completeExceptionally(failure);
  }

  /** Waits until the changes are durable and visible. */
  void await() {
    try {
      outcome.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof SnapshotException failure) {
        throw failure;
      }
      throw e;
    }
  }
}
