package io.gatun.snapshot.metadata;

import io.gatun.snapshot.SnapshotException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Changes that somebody waits for, all or none of which are to be done. */
final class Request {

  private final List<EncodedChange> changes;
  private final int bytes;
  private final boolean isRemoval;
  private final CompletableFuture<@Nullable Void> outcome = new CompletableFuture<>();

  /**
   * @param changes none at all to have ids reserved if there are no more
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

  /** {@return what the changes take in the body of a frame} */
  int bytes() {
    return bytes;
  }

  /** {@return whether it only removes, for which there is always room} */
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
