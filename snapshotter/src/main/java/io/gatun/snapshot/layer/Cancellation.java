package io.gatun.snapshot.layer;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Lets any thread tell an apply, once and finally, that its result is no longer needed. */
public final class Cancellation {

  /** Removes the action of {@link #onCancel}. */
  public interface Registration extends AutoCloseable {
    @Override
    void close();
  }

  private final Set<Listener> listeners = new LinkedHashSet<>();
  private volatile boolean isCancelled;

  /** Gives each registration an identity, because the same action may be registered twice. */
  private record Listener(Object identity, Runnable action) {}

  /** Cancels and runs the registered actions. */
  public void cancel() {
    List<Listener> woken;
    synchronized (listeners) {
      isCancelled = true;
      woken = List.copyOf(listeners);
      listeners.clear();
    }
    woken.forEach(listener -> listener.action().run());
  }

  public boolean isCancelled() {
    return isCancelled;
  }

  /**
   * @throws ApplyCancelledException if this is cancelled
   */
  public void check() throws ApplyCancelledException {
    if (isCancelled) {
      throw new ApplyCancelledException();
    }
  }

  /**
   * Registers an action for the thread that cancels; runs it at once if this is already cancelled.
   * The action must not block, and may still be running when the registration is closed.
   */
  public Registration onCancel(Runnable action) {
    Listener listener = new Listener(new Object(), action);
    boolean isLate;
    synchronized (listeners) {
      isLate = isCancelled;
      if (!isLate) {
        listeners.add(listener);
      }
    }
    if (isLate) {
      action.run();
    }
    return () -> {
      synchronized (listeners) {
        listeners.remove(listener);
      }
    };
  }
}
