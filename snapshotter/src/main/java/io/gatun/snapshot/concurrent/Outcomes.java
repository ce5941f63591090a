package io.gatun.snapshot.concurrent;

import io.gatun.linux.ErrnoException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Waits for other threads. */
public final class Outcomes {

  private Outcomes() {}

  /** {@return the result of the work, or throws its failure} */
  public static <T> T await(CompletableFuture<T> work) throws ErrnoException {
    try {
      return work.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof ErrnoException failure) {
        throw failure;
      }
      throw e;
    }
  }

  /** Waits for the end of a thread, ignoring interruptions until then. */
  public static void join(Thread thread) {
    boolean isInterrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        isInterrupted = true;
      }
    }
    if (isInterrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
