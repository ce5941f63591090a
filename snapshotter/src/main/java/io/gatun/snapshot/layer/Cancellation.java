package io.gatun.snapshot.layer;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Lets any thread tell an apply, once and finally, that its result is no longer needed. */
public final class Cancellation {

  /** Removes the action of {@link #onCancel}. */
  public interface Registration extends AutoCloseable {
    @Override
    void close();
  }

  /** By identity, because the same action may be registered twice. */
  private final Map<Object, Runnable> actions = new LinkedHashMap<>();

  private volatile boolean isCancelled;

  /** Cancels and runs the registered actions. */
  public void cancel() {
    List<Runnable> woken;
    synchronized (actions) {
      isCancelled = true;
      woken = List.copyOf(actions.values());
      actions.clear();
    }
    woken.forEach(Runnable::run);
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
    Object identity = new Object();
    boolean isLate;
    synchronized (actions) {
      isLate = isCancelled;
      if (!isLate) {
        actions.put(identity, action);
      }
    }
    if (isLate) {
      action.run();
    }
    return () -> {
      synchronized (actions) {
        actions.remove(identity);
      }
    };
  }
}
