package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.SnapshotException;
import java.util.function.Supplier;

/** What came of a request. */
sealed interface Outcome {

  record Answer(Object value) implements Outcome {}

  /**
   * A refusal, by what containerd makes of it; the message is for people, but see {@link
   * Comparison}.
   */
  record Refusal(Class<? extends SnapshotException> kind, String message) implements Outcome {}

  static Outcome of(Supplier<Object> request) {
    try {
      return new Answer(request.get());
    } catch (SnapshotException e) {
      return new Refusal(e.getClass(), String.valueOf(e.getMessage()));
    }
  }
}
