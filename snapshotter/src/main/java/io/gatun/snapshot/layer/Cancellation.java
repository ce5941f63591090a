package io.gatun.snapshot.layer;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** How an apply is told, by any thread, that nobody waits for it any more. Once, and for good. */
public final class Cancellation {

  /** Ends what {@link #onCancel} began. */
  public interface Registration extends AutoCloseable {
    @Override
    void close();
  }

  private final Set<Listener> listeners = new LinkedHashSet<>();
  private volatile boolean isCancelled;

  /** An object of its own, since one and the same action may be registered twice. */
  private record Listener(Object identity, Runnable action) {}

  /** Cancels, and wakes whoever has to know. */
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
   * Has something done when this is cancelled, by the thread that cancels; at once if it is
   * cancelled already. It must not wait, and may still be running when the registration is closed.
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
